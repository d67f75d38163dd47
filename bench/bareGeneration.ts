import { InferenceSession } from 'onnxruntime-node';

import { openDecoderNetwork } from '../inference/generation/decoderNetwork.ts';
import { gatherRows, type KvRow } from '../inference/generation/kvRows.ts';

/** What bench/generation.ts compares with: the shortest batched loop over the same network and the same prompts. */
export interface BareRequest {
  readonly networkPath: string;
  /** Token ids. */
  readonly prompts: readonly (readonly number[])[];
  readonly maxTokens: number;
  readonly endTokens: readonly number[];
  readonly rows: number;
}

export interface BareReply {
  readonly tokens: number;
}

process.on('message', (request: BareRequest) => {
  void generate(request).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));

/** Batches of rows, each prompt read in one piece, each batch run until its longest answer ends. Greedy. */
async function generate({ networkPath, prompts, maxTokens, endTokens, rows }: BareRequest): Promise<BareReply> {
  const network = await openNetwork(networkPath);
  let tokens = 0;
  for (let from = 0; from < prompts.length; from += rows) {
    const caches: KvRow[] = [];
    const last: number[] = [];
    for (const prompt of prompts.slice(from, from + rows)) {
      const { kv, logits } = await network.forward({ tokens: [prompt], past: undefined, wantsLogits: 'last' });
      caches.push({ kv, row: 0 });
      last.push(argmax(logits[0] ?? new Float32Array()));
    }
    let kv = gatherRows(caches, network.padding);
    const open = new Set(last.keys());
    for (let count = 1; open.size > 0; count += 1) {
      tokens += open.size;
      for (const row of open) if (count >= maxTokens || endTokens.includes(last[row] ?? 0)) open.delete(row);
      if (open.size === 0) break;
      const output = await network.forward({ tokens: last.map((id) => [id]), past: kv, wantsLogits: 'last' });
      kv = output.kv;
      for (const [row, logits] of output.logits.entries()) last[row] = argmax(logits);
    }
  }
  return { tokens };
}

let opened: ReturnType<typeof openDecoderNetwork> | undefined;

async function openNetwork(networkPath: string): ReturnType<typeof openDecoderNetwork> {
  opened ??= openDecoderNetwork(
    await InferenceSession.create(networkPath, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      enableCpuMemArena: false,
    }),
    networkPath,
  );
  return await opened;
}

function argmax(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id += 1) if ((logits[id] ?? 0) > (logits[best] ?? 0)) best = id;
  return best;
}
