import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Runner, type RunnerOptions } from '../inference/runner/runner.ts';
import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../training/onnx/onnxGraph.ts';
import type { LoadedModel } from '../inference/runner/protocol.ts';
import type { ReadWatts } from './powerMeter.ts';

const ROWS = 256;
const WIDTH = 512;
const LAYERS = 8;
const GFLOP_PER_RUN = (2 * ROWS * WIDTH * WIDTH * LAYERS) / 1e9;
const PROBE_MS = 5_000;

export interface ProbeResult {
  /** Of dense layers, in one stream, as shards are computed. */
  readonly gflops: number;
  /** Mean of the meter while it computed; undefined without one. */
  readonly watts: number | undefined;
  readonly provider: string;
}

/** Measures this computer on a network of its own making, which needs no model and no network. */
export async function probeComputer(
  folder: string,
  options: Pick<RunnerOptions, 'executionProvider'>,
  readWatts: ReadWatts | undefined,
  durationMs: number = PROBE_MS,
): Promise<ProbeResult> {
  let provider = 'cpu';
  const runner = new Runner({ ...options, onProvider: (used) => (provider = used.provider) });
  try {
    const model = await writeProbeModel(folder);
    const body = { inputs: [{ name: 'x', shape: [1, 1], datatype: 'FP32', data: [1] }] };
    await runner.run(model, [body]);
    await readWatts?.();
    const startMs = performance.now();
    let runs = 0;
    while (performance.now() - startMs < durationMs) {
      const [answer] = await runner.run(model, [body]);
      if (answer?.statusCode !== 200) throw new Error(`the probe fails: ${JSON.stringify(answer?.body)}`);
      runs += 1;
    }
    const seconds = (performance.now() - startMs) / 1_000;
    return { gflops: (runs * GFLOP_PER_RUN) / seconds, watts: await readWatts?.(), provider };
  } finally {
    await runner.stop();
  }
}

async function writeProbeModel(folder: string): Promise<LoadedModel> {
  const { FLOAT } = ONNX_TYPES;
  const base = new Float32Array(ROWS * WIDTH).fill(1);
  // Rows that sum to 1 keep the numbers from growing.
  const weights = new Float32Array(WIDTH * WIDTH).fill(1 / WIDTH);
  const layers = Array.from({ length: LAYERS }, (_, layer) => node('MatMul', [`h${layer}`, 'w'], [`h${layer + 1}`]));
  const bytes = onnxFile({
    name: 'probe',
    opset: 17,
    inputs: [value('x', FLOAT, ['batch', 1])],
    outputs: [value('y', FLOAT, [1, 1])],
    weights: [
      tensor('base', FLOAT, [ROWS, WIDTH], bytesOf(base)),
      tensor('w', FLOAT, [WIDTH, WIDTH], bytesOf(weights)),
    ],
    nodes: [
      node('Mul', ['x', 'base'], ['h0']),
      ...layers,
      node('ReduceMean', [`h${LAYERS}`], ['y'], { axes: [0, 1], keepdims: 1 }),
    ],
  });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await mkdir(folder, { recursive: true });
  const modelPath = join(folder, 'probe.onnx');
  await writeFile(modelPath, bytes);
  return {
    name: 'probe',
    version: '1',
    sha256,
    modelPath,
    assetPaths: {},
    pipeline: { kind: 'tensors', inputs: [scalar('x')], outputs: [scalar('y')] },
  };
}

function scalar(name: string) {
  return { name, datatype: 'FP32' as const, shape: [-1, 1] };
}
