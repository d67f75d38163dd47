import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from 'onnx-buf';
import { afterEach, describe, expect, test } from 'vitest';

import { classifierNetwork } from '../../../demo/training/networks.ts';
import { admitModel } from '../../../inference/admission/admitModel.ts';
import { compileTraining } from '../../../inference/training/compileTraining.ts';
import { trainingPipelineOf } from '../../../inference/training/trainingManifest.ts';
import { whyItDoesNotRun } from '../../../inference/admission/probeModel.ts';
import { inspectNetwork } from '../../../inference/admission/inspectNetwork.ts';
import { bytesOf, node, ONNX_TYPES, onnxFile, tensor, value } from '../../../training/onnx/onnxGraph.ts';
import { modelDeclarationSchema, type UploadedModel } from '../../../domain/modelUploads.ts';
import { MemoryObjects } from '../../car/shard/support/memoryObjects.ts';
import { cleanUp, temporaryFolder } from '../../car/shard/support/testCar.ts';
import { doublingNetwork, DOUBLING_PIPELINE } from '../../support/smallModels.ts';

/** The good network with a change that a hostile one would make. */
function changed(change: (model: ModelProto, graph: GraphProto) => void): Uint8Array {
  const model = fromBinary(ModelProtoSchema, doublingNetwork());
  if (!model.graph) throw new Error('no graph');
  change(model, model.graph);
  return toBinary(ModelProtoSchema, model);
}

const graphWith = (inner: NodeProto): GraphProto => create(GraphProtoSchema, { name: 'body', node: [inner] });
const holding = (name: string, g: GraphProto): NodeProto =>
  create(NodeProtoSchema, {
    opType: 'If',
    attribute: [create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g })],
  });
const foreign = create(NodeProtoSchema, { opType: 'Shell', domain: 'evil.ops' });
const elsewhere = create(TensorProtoSchema, {
  name: 'w',
  dims: [1n],
  dataType: ONNX_TYPES.FLOAT,
  dataLocation: TensorProto_DataLocation.EXTERNAL,
  externalData: [create(StringStringEntryProtoSchema, { key: 'location', value: 'weights.bin' })],
});

const trips = (count: bigint) => tensor('trips', ONNX_TYPES.INT64, [], bytesOf(BigInt64Array.of(count)));
const looping = (inner = create(NodeProtoSchema, { opType: 'Identity' })): NodeProto =>
  create(NodeProtoSchema, { ...holding('body', graphWith(inner)), opType: 'Loop', input: ['trips', ''] });

describe('a network is taken that', () => {
  test.each<[string, (model: ModelProto, graph: GraphProto) => void]>([
    [
      'imports operators that it does not use',
      (model) => model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'ai.onnx.training', version: 1n })),
    ],
    [
      'uses vetted operators of others',
      (_, graph) =>
        graph.node.push(
          create(NodeProtoSchema, { opType: 'TreeEnsembleClassifier', domain: 'ai.onnx.ml' }),
          create(NodeProtoSchema, { opType: 'SkipLayerNormalization', domain: 'com.microsoft' }),
        ),
    ],
    [
      'loops a constant number of times',
      (_, graph) => {
        graph.initializer.push(trips(100n));
        graph.node.push(looping(looping()));
      },
    ],
    [
      'declares an open length as -1',
      (_, graph) => {
        const type = graph.input[0]?.type?.value;
        const dim = type?.case === 'tensorType' ? type.value.shape?.dim[0] : undefined;
        if (dim) dim.value = { case: 'dimValue', value: -1n };
      },
    ],
  ])('%s', (_what, change) => {
    expect(inspectNetwork(changed(change)).inputs[0]).toMatchObject({ name: 'x', shape: [-1, 2] });
  });

  test('keeps weights in a file of the model, and no byte beyond it', () => {
    const bytes = changed((_, graph) => graph.initializer.push(elsewhere));
    expect(inspectNetwork(bytes, { 'weights.bin': 4 }).nodes).toBe(2);
    const beyond = changed((_, graph) => {
      const externalData = [
        ...elsewhere.externalData,
        create(StringStringEntryProtoSchema, { key: 'length', value: '5' }),
      ];
      graph.initializer.push(create(TensorProtoSchema, { ...elsewhere, externalData }));
    });
    expect(() => inspectNetwork(beyond, { 'weights.bin': 4 })).toThrow(/cut short/);
  });
});

describe('a network is refused that', () => {
  test.each<[string, (model: ModelProto, graph: GraphProto) => void, RegExp]>([
    ['keeps weights elsewhere', (_, graph) => graph.initializer.push(elsewhere), /another file/],
    [
      'names a place for weights without saying so',
      (_, graph) =>
        graph.initializer.push(
          create(TensorProtoSchema, { ...elsewhere, dataLocation: TensorProto_DataLocation.DEFAULT }),
        ),
      /another file/,
    ],
    [
      'keeps a constant elsewhere',
      (_, graph) =>
        graph.node.push(
          create(NodeProtoSchema, {
            opType: 'Constant',
            attribute: [create(AttributeProtoSchema, { name: 'value', t: elsewhere })],
          }),
        ),
      /another file/,
    ],
    ['uses foreign operators', (_, graph) => graph.node.push(foreign), /"Shell" of "evil.ops"/],
    [
      'uses an operator of com.microsoft that was not vetted',
      (_, graph) => graph.node.push(create(NodeProtoSchema, { opType: 'Tokenizer', domain: 'com.microsoft' })),
      /not vetted/,
    ],
    [
      'makes a vetted operator too large',
      (_, graph) =>
        graph.node.push(
          create(NodeProtoSchema, {
            opType: 'MatMulNBits',
            domain: 'com.microsoft',
            attribute: [
              create(AttributeProtoSchema, { name: 'N', type: AttributeProto_AttributeType.INT, i: 10n ** 9n }),
            ],
          }),
        ),
      /N of "MatMulNBits" is 1000000000/,
    ],
    [
      'loops too often, one loop in the other',
      (_, graph) => {
        graph.initializer.push(trips(1_000n));
        graph.node.push(looping(looping()));
      },
      /more than 100000 times/,
    ],
    [
      'takes its trips from an input',
      (_, graph) => {
        graph.initializer.push(trips(10n));
        const [input] = graph.input;
        if (input) graph.input.push({ ...input, name: 'trips' });
        graph.node.push(looping());
      },
      /make its trip count a constant/,
    ],
    ['hides them in a branch', (_, graph) => graph.node.push(holding('then_branch', graphWith(foreign))), /evil.ops/],
    [
      'hides them in a function',
      (model) => model.functions.push(create(FunctionProtoSchema, { name: 'f', node: [foreign] })),
      /evil.ops/,
    ],
    ['loops', (_, graph) => graph.node.push(create(NodeProtoSchema, { opType: 'Loop' })), /Loop/],
    [
      'loops in a branch',
      (_, graph) => graph.node.push(holding('else_branch', graphWith(create(NodeProtoSchema, { opType: 'Scan' })))),
      /Scan/,
    ],
    [
      'nests without end',
      (_, graph) => {
        let inner = create(NodeProtoSchema, { opType: 'Identity' });
        for (let depth = 0; depth < 10; depth++) inner = holding('then_branch', graphWith(inner));
        graph.node.push(inner);
      },
      /nests/,
    ],
    [
      'declares a huge weight',
      (_, graph) =>
        graph.initializer.push(create(TensorProtoSchema, { name: 'w', dims: [100_000n, 100_000n], dataType: 1 })),
      /more elements/,
    ],
    [
      'declares a negative dimension',
      (_, graph) => graph.initializer.push(create(TensorProtoSchema, { name: 'w', dims: [-1n], dataType: 1 })),
      /dimension of -1/,
    ],
    ['is of the future', (model) => void (model.irVersion = 99n), /IR version/],
    ['has an unknown opset', (model) => model.opsetImport.forEach((each) => void (each.version = 99n)), /opset is 99/],
    ['has no graph', (_, graph) => void (graph.node = []), /no graph/],
  ])('%s', (_what, change, message) => {
    expect(() => inspectNetwork(changed(change))).toThrow(message);
  });

  test('is no network', () => {
    const network = doublingNetwork();
    for (const bytes of [Buffer.from('#!/bin/sh\n'), new Uint8Array(), network.subarray(0, network.length / 2)]) {
      expect(() => inspectNetwork(bytes)).toThrow(expect.objectContaining({ code: 'model_refused' }));
    }
  });
});

async function upload(
  changes: { readonly network?: Uint8Array; readonly pipeline?: unknown } = {},
): Promise<UploadedModel> {
  const { pipeline = DOUBLING_PIPELINE, network = doublingNetwork() } = changes;
  const declaration = modelDeclarationSchema.parse({ name: 'doubling', pipeline });
  const path = join(await temporaryFolder(), 'received');
  await writeFile(path, network);
  const sha256 = createHash('sha256').update(network).digest('hex');
  return { declaration, network: { path, sha256, sizeBytes: network.length }, assets: [] };
}
afterEach(cleanUp);

test('a model that asks for a locale is told what to do, any other what the runtime says', () => {
  const place = 'Exception during initialization: /onnxruntime_src/onnxruntime/core/text/string_normalizer.cc:235 ';
  const locale = `${place}Failed to construct locale with name:tr_TR.UTF-8:locale::facet::_S_create_c_locale name not valid`;
  expect(whyItDoesNotRun(new Error(locale))).toMatch(
    /asks for the locale tr_TR\.UTF-8, .* export it with the locale C/,
  );
  const slow = whyItDoesNotRun(new Error('The runner did not answer "load" within 155000 ms.'));
  expect(slow).toContain('within 155000 ms. If this machine is busy, add the model again when it is not.');
  const other = whyItDoesNotRun(new Error(`${place}no kernel for Foo(1)`));
  expect(other).toMatch(/^it does not run within its limits: .*no kernel for Foo\(1\)$/);
  expect(other).not.toContain('onnxruntime_src');
});

describe('admission', () => {
  test('inspects, measures and publishes, and changes nothing when asked again', async () => {
    const objects = new MemoryObjects();
    const registered: string[] = [];
    const register = async ({ version }: { version: string }): Promise<void> => void registered.push(version);
    const { manifest, probed } = await admitModel(objects, register, await upload());
    expect(manifest).toMatchObject({ version: manifest.sha256.slice(0, 12), requestUrl: '/v2/models/doubling/infer' });
    expect(probed.msPerSample).toBeGreaterThan(0);
    if (process.platform === 'linux') expect(probed.peakMemoryMb).toBeGreaterThan(10);
    expect((await admitModel(objects, register, await upload())).manifest).toEqual(manifest);
    expect(registered).toEqual([manifest.version, manifest.version]);
  });

  test.each<[string, unknown, RegExp]>([
    [
      'another type',
      { ...DOUBLING_PIPELINE, inputs: [{ ...DOUBLING_PIPELINE.inputs[0], datatype: 'FP64' }] },
      /"x" is FP32, not FP64/,
    ],
    [
      'another shape',
      { ...DOUBLING_PIPELINE, outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }] },
      /"y" has the shape/,
    ],
    ['another name', { ...DOUBLING_PIPELINE, outputs: [{ name: 'z', datatype: 'FP32', shape: [1] }] }, /output "z"/],
    [
      'an input too few',
      { ...DOUBLING_PIPELINE, inputs: [DOUBLING_PIPELINE.inputs[0]] },
      /"count" is not in the manifest/,
    ],
    [
      'texts, which it does not take',
      {
        kind: 'text-embedding',
        tokenizer: { kind: 'words', vocabularySha256: '0'.repeat(64) },
        maxTokens: 8,
        dimensions: 2,
      },
      /no file was sent/,
    ],
  ])('refuses a manifest that names %s', async (_what, pipeline, message) => {
    const admitting = admitModel(new MemoryObjects(), async () => {}, await upload({ pipeline }));
    await expect(admitting).rejects.toThrow(message);
  });

  test.each([200, 12])('publishes a training graph with a table of %i words', async (words) => {
    const length = 7;
    const network = classifierNetwork({ words, dimensions: 4, hidden: 6, classes: 5, length });
    const { file, description } = await compileTraining(network, {
      loss: 'softmax-cross-entropy',
      lengths: { batch: 3 },
    });
    const pipeline = trainingPipelineOf(description);
    const { manifest } = await admitModel(
      new MemoryObjects(),
      async () => {},
      await upload({ network: file, pipeline }),
    );
    expect(manifest.pipeline).toEqual(pipeline);
    const [first, ...others] = pipeline.weights;
    const wrong = { ...pipeline, weights: [{ ...first, rows: 5 }, ...others] };
    const admitting = admitModel(new MemoryObjects(), async () => {}, await upload({ network: file, pipeline: wrong }));
    await expect(admitting).rejects.toThrow('its output "gradient/words" has the shape');
  });

  test('refuses a few bytes that take gigabytes, and goes on', async () => {
    const { FLOAT, INT64 } = ONNX_TYPES;
    const network = onnxFile({
      name: 'bomb',
      opset: 17,
      inputs: [value('x', INT64, [1])],
      outputs: [value('y', FLOAT, [])],
      weights: [
        tensor('side', INT64, [2], bytesOf(BigInt64Array.of(40_000n, 40_000n))),
        tensor('axes', INT64, [2], bytesOf(BigInt64Array.of(0n, 1n))),
      ],
      nodes: [
        node('ConstantOfShape', ['side'], ['big']),
        node('ReduceSum', ['big', 'axes'], ['sum'], { keepdims: 0 }),
        node('Cast', ['x'], ['xf'], { to: FLOAT }),
        node('Squeeze', ['xf'], ['x0']),
        node('Add', ['sum', 'x0'], ['y']),
      ],
    });
    const pipeline = {
      kind: 'tensors',
      inputs: [{ name: 'x', datatype: 'INT64', shape: [1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [] }],
    };
    const objects = new MemoryObjects();
    await expect(admitModel(objects, async () => {}, await upload({ network, pipeline }))).rejects.toMatchObject({
      code: 'model_refused',
    });
    expect(objects.bodies.size).toBe(0);
  });
});
