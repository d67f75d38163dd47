import type { TensorDatatype, TrainingPipeline } from '../../domain/models.ts';
import type { TrainingDescription } from '../../training/compile.ts';
import { ONNX_TYPES } from '../../training/onnx/onnxGraph.ts';
import { TrainingRefusal } from '../../training/refusal.ts';

const DATATYPES: Readonly<Record<number, TensorDatatype>> = {
  [ONNX_TYPES.FLOAT]: 'FP32',
  [ONNX_TYPES.INT64]: 'INT64',
  [ONNX_TYPES.INT32]: 'INT32',
  [ONNX_TYPES.BOOL]: 'BOOL',
};

/** What is stated of a compiled training graph when it is added as a model. @throws TrainingRefusal */
export function trainingPipelineOf({ weights, inputs, loss, output, counts }: TrainingDescription): TrainingPipeline {
  return {
    kind: 'training',
    weights: weights.map(({ name, shape, rows }) => ({ name, shape: [...shape], ...(rows !== undefined && { rows }) })),
    inputs: inputs.map(({ name, type, shape }) => {
      const datatype = DATATYPES[type];
      if (datatype === undefined)
        throw new TrainingRefusal(`The input "${name}" is of a type that is not trained with.`);
      return { name, datatype, shape: [...shape] };
    }),
    loss,
    output,
    counts,
  };
}
