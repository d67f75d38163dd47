import { NightshiftError } from '../../domain/errors.ts';
import { modelManifestSchema, type TensorDatatype, type TensorsPipeline } from '../../domain/models.ts';
import { objectKeys } from '../../domain/names.ts';
import { readModel } from '../../store/models.ts';
import { listTrainingRounds, type TrainingRun } from '../../store/trainingRuns.ts';
import { forwardFile, sizeOf } from '../../training/compile.ts';
import { floatsFromBytes } from '../../training/floats.ts';
import { ONNX_TYPES } from '../../training/onnx/onnxGraph.ts';
import { lengthsOf, readNetwork, typeOfValue } from '../../training/onnx/readNetwork.ts';
import type { ApiPorts } from './ports.ts';
import { notFound } from './wire.ts';

/** Types of tensors that a forward graph may take and give. */
const DATATYPES: Readonly<Record<number, TensorDatatype>> = {
  [ONNX_TYPES.FLOAT]: 'FP32',
  [ONNX_TYPES.DOUBLE]: 'FP64',
  [ONNX_TYPES.INT64]: 'INT64',
  [ONNX_TYPES.INT32]: 'INT32',
  [ONNX_TYPES.BOOL]: 'BOOL',
};

/**
 * The forward graph of a run with the weights of one of its versions.
 * @throws NightshiftError `not_found` when there is no such version
 */
export async function trainedModel(
  { database, objects }: Pick<ApiPorts, 'database' | 'objects'>,
  run: TrainingRun,
  version?: number,
): Promise<{ readonly file: Uint8Array; readonly pipeline: TensorsPipeline }> {
  const model = await readModel(database, run.tenantId, run.modelName, run.modelVersion);
  const pipeline = modelManifestSchema.safeParse(model?.manifest).data?.pipeline;
  if (!model || pipeline?.kind !== 'training') throw notFound('model', run.modelName);
  const rounds = await listTrainingRounds(database, run.id);
  const newest = Math.max(0, ...rounds.map(({ version: made }) => made ?? 0));
  const wanted = version ?? newest;
  const key = objectKeys.checkpoint(run.id, wanted);
  if (wanted > newest || !(await objects.head(key))) {
    throw new NightshiftError('not_found', `The run has weights of the versions 0 to ${newest}.`, { field: 'version' });
  }
  const count = pipeline.weights.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  // What the strategy carries on lies behind the weights.
  const weights = floatsFromBytes(await objects.get(key)).subarray(0, count);
  const file = forwardFile(await objects.get(objectKeys.model(model.sha256)), pipeline, weights);
  return { file, pipeline: tensorsOf(file) };
}

function tensorsOf(file: Uint8Array): TensorsPipeline {
  const { inputs, outputs } = readNetwork(file);
  const specOf = (info: (typeof inputs)[number]) => {
    const datatype = DATATYPES[typeOfValue(info)];
    if (datatype === undefined) {
      throw new NightshiftError('invalid_request', `"${info.name}" is of a type that requests do not have.`);
    }
    return {
      name: info.name,
      datatype,
      shape: lengthsOf(info).map((length) => (typeof length === 'number' ? length : -1)),
    };
  };
  return { kind: 'tensors', inputs: inputs.map(specOf), outputs: outputs.map(specOf) };
}
