import { Tensor, type InferenceSession } from 'onnxruntime-node';

import { ENCODER_INPUTS } from '../../domain/models.ts';
import { halfToFloat } from './halfFloat.ts';
import type { TextTokens } from './tokenizer.ts';

export interface EncoderOutput {
  readonly data: Float32Array;
  readonly dims: readonly number[];
  /** Tokens of each row; the rest of a row is padding. */
  readonly lengths: readonly number[];
}

export type TextEncoder = (texts: readonly TextTokens[]) => Promise<EncoderOutput>;

/**
 * Runs a network of the BERT kind on a batch of texts, padded at their ends. It gets whichever of input_ids,
 * attention_mask, token_type_ids and position_ids it asks for, as int64 or int32.
 * @param outputs names of the output to read, the best first; else the network's first one
 */
export function textEncoder(session: InferenceSession, outputs: readonly string[]): TextEncoder {
  const outputName = outputs.find((name) => session.outputNames.includes(name)) ?? session.outputNames[0];
  if (outputName === undefined) throw new Error('The network has no output.');
  const inputs = session.inputMetadata.map((input) => {
    const name = ENCODER_INPUTS.find((known) => known === input.name);
    const type = input.isTensor ? input.type : undefined;
    if (name === undefined || (type !== 'int64' && type !== 'int32')) {
      throw new Error(`Texts do not give the network's input "${input.name}".`);
    }
    return { name, type };
  });

  return async (texts) => {
    const lengths = texts.map(({ ids }) => ids.length);
    const longest = Math.max(...lengths);
    const feeds: Record<string, Tensor> = {};
    for (const { name, type } of inputs) {
      const values = new Int32Array(texts.length * longest);
      for (const [row, { ids, typeIds }] of texts.entries()) {
        const at = row * longest;
        if (name === 'input_ids') values.set(ids, at);
        else if (name === 'attention_mask') values.fill(1, at, at + ids.length);
        else if (name === 'token_type_ids') values.set(typeIds ?? [], at);
        else for (let column = 0; column < ids.length; column++) values[at + column] = column;
      }
      const shape = [texts.length, longest];
      feeds[name] =
        type === 'int32'
          ? new Tensor('int32', values, shape)
          : new Tensor('int64', BigInt64Array.from(values, BigInt), shape);
    }
    const output = (await session.run(feeds, [outputName]))[outputName];
    if (output?.data instanceof Float32Array) return { data: output.data, dims: output.dims, lengths };
    if (output?.type === 'float16') return { data: halfToFloat(output.data), dims: output.dims, lengths };
    throw new Error(
      `The network's output "${outputName}" is ${output?.type ?? 'absent'}; float32 or float16 can be read.`,
    );
  };
}
