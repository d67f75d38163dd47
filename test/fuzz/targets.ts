import { InferenceSession } from 'onnxruntime-node';

import { BadRequest } from '../../inference/runner/openInference.ts';
import { tensorsPipeline } from '../../inference/runner/tensors.ts';
import { inspectNetwork } from '../../inference/admission/inspectNetwork.ts';
import { readInferBody } from '../../api/http/binaryTensors.ts';
import { readField, readMultipart } from '../../api/http/multipart.ts';
import { createBatchLineChecker, linesOf } from '../../domain/batchInput.ts';
import { BATCH_INPUT_ERROR_CODES } from '../../domain/batches.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { doublingNetwork, DOUBLING_PIPELINE } from '../support/smallModels.ts';

/** Something that takes bytes of strangers. */
export interface FuzzTarget {
  readonly name: string;
  readonly valid: Uint8Array;
  /** Settles for any bytes; throws only what the documented error form is made of. */
  take(bytes: Buffer): Promise<void>;
}

async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 61) yield bytes.subarray(start, start + 61);
}

const line = (id: string) =>
  `${JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/embeddings', body: { model: 'm', input: 'a text' } })}\n`;

const jsonl: FuzzTarget = {
  name: 'JSONL',
  valid: Buffer.from(line('a') + line('b') + line('c')),
  take: async (bytes) => {
    const checker = createBatchLineChecker('/v1/embeddings');
    for await (const each of linesOf(inPieces(bytes))) checker.take(each);
    const { errors, total, model } = checker.finish();
    for (const { code, message } of errors) {
      if (!BATCH_INPUT_ERROR_CODES.includes(code) || message === '') throw new Error(`undocumented code ${code}`);
    }
    if (errors.length === 0 && (total === 0 || model === undefined)) throw new Error('accepted without requests');
  },
};

const multipart: FuzzTarget = {
  name: 'multipart',
  valid: Buffer.from(
    '--b\r\nContent-Disposition: form-data; name="file"; filename="x.jsonl"\r\n' +
      'Content-Type: application/octet-stream\r\n\r\n{"a":1}\n\r\n' +
      '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n',
  ),
  take: async (bytes) => {
    for await (const part of readMultipart('multipart/form-data; boundary=b', inPieces(bytes))) {
      await readField(part, 4096);
    }
  },
};

const onnx: FuzzTarget = {
  name: 'ONNX',
  valid: doublingNetwork(),
  take: async (bytes) => void inspectNetwork(bytes),
};

async function openInference(): Promise<FuzzTarget> {
  const session = await InferenceSession.create(doublingNetwork(), { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const model = { name: 'd', version: '1', sha256: '', modelPath: '', assetPaths: {}, pipeline: DOUBLING_PIPELINE };
  const answer = tensorsPipeline(session, model, DOUBLING_PIPELINE);
  const json = JSON.stringify({
    inputs: [
      { name: 'x', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } },
      { name: 'count', datatype: 'INT64', shape: [1], data: [7] },
    ],
    outputs: [{ name: 'y' }],
  });
  return {
    name: 'Open Inference Protocol',
    valid: Buffer.concat([Buffer.from(json), Buffer.alloc(8, 1)]),
    take: async (bytes) => {
      const { body } = readInferBody(bytes, String(Math.min(json.length, bytes.length)));
      await answer(body);
    },
  };
}

export async function fuzzTargets(): Promise<FuzzTarget[]> {
  return [jsonl, multipart, onnx, await openInference()];
}

/** Whether the error is one that callers are told of in the documented form. */
export function isDocumented(error: unknown): boolean {
  return (error instanceof NightshiftError && error.httpStatus < 500) || error instanceof BadRequest;
}
