import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What bench/generation.ts compares with: an engine that answers one prompt after the other, greedily, on one thread. */
export interface OtherRequest {
  readonly engine: 'transformers.js' | 'node-llama-cpp';
  /** In which the engine is installed. */
  readonly engines: string;
  /** The folder of the model, or the file that has the same weights for llama.cpp. */
  readonly model: string;
  readonly prompts: readonly string[];
  readonly maxTokens: number;
}

export interface OtherReply {
  readonly tokens: number;
}

type Engine = (prompt: string, maxTokens: number) => Promise<number>;

process.on('message', (request: OtherRequest) => {
  void generate(request).then((reply) => process.send?.(reply));
});
process.on('disconnect', () => process.exit(0));

let opened: Promise<Engine> | undefined;

async function generate(request: OtherRequest): Promise<OtherReply> {
  const engine = await (opened ??=
    request.engine === 'transformers.js' ? openTransformers(request) : openLlama(request));
  let tokens = 0;
  for (const prompt of request.prompts) tokens += await engine(prompt, request.maxTokens);
  return { tokens };
}

// oxlint-disable-next-line typescript/no-explicit-any
async function loadFrom(engines: string, packageName: string): Promise<any> {
  return await import(pathToFileURL(createRequire(join(engines, 'package.json')).resolve(packageName)).href);
}

async function openTransformers({ engines, model: folder }: OtherRequest): Promise<Engine> {
  const { env, AutoTokenizer, AutoModelForCausalLM } = await loadFrom(engines, '@huggingface/transformers');
  env.allowRemoteModels = false;
  env.localModelPath = dirname(folder);
  const id = basename(folder);
  const tokenizer = await AutoTokenizer.from_pretrained(id);
  const session_options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
  const model = await AutoModelForCausalLM.from_pretrained(id, { dtype: 'q4', session_options });
  return async (prompt, max_new_tokens) => {
    const inputs = tokenizer(prompt, { add_special_tokens: false });
    const output = await model.generate({ ...inputs, max_new_tokens, do_sample: false });
    return output.dims.at(-1) - inputs.input_ids.dims.at(-1);
  };
}

async function openLlama({ engines, model: file }: OtherRequest): Promise<Engine> {
  const { getLlama } = await loadFrom(engines, 'node-llama-cpp');
  const llama = await getLlama({ gpu: false, maxThreads: 1 });
  const model = await llama.loadModel({ modelPath: resolve(file) });
  const context = await model.createContext({ contextSize: 1_024, threads: 1 });
  const sequence = context.getSequence();
  return async (prompt, maxTokens) => {
    await sequence.clearHistory();
    let count = 0;
    for await (const _ of sequence.evaluate(model.tokenize(prompt, true), { temperature: 0 })) {
      count += 1;
      if (count >= maxTokens) break;
    }
    return count;
  };
}
