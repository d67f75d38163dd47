import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';

import { NightshiftError } from '../../domain/errors.ts';
import { stringifyExactJson } from '../../domain/json.ts';
import { pipelineTensors } from '../../domain/models.ts';
import { requireScope } from './auth.ts';
import { readInferBody, writeBinaryAnswer } from './binaryTensors.ts';
import type { ApiPorts } from './ports.ts';
import { bodyOrThrow, createPublishedModels } from './liveModels.ts';
import { checkStorable } from './storableRequest.ts';

const EXTENSIONS = ['binary_tensor_data'];
const oipError = {
  default: {
    description: 'An error',
    content: { 'application/json': { schema: z.object({ error: z.string() }).openapi('InferenceError') } },
  },
} as const;
const HEADER_LENGTH = 'inference-header-content-length';

const modelParam = z.object({ model: z.string().min(1).max(100) });
const versionParam = modelParam.extend({ version: z.string().min(1).max(100) });
const tensorSchema = z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number().int()) });
const metadataSchema = z
  .object({
    name: z.string(),
    versions: z.array(z.string()),
    platform: z.string(),
    inputs: z.array(tensorSchema),
    outputs: z.array(tensorSchema),
  })
  .openapi('ModelMetadata');

const liveRoute = createRoute({
  method: 'get',
  path: '/v2/health/live',
  responses: {
    200: {
      description: 'The server runs',
      content: { 'application/json': { schema: z.object({ live: z.boolean() }) } },
    },
    ...oipError,
  },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/v2/health/ready',
  responses: {
    200: {
      description: 'Requests can be served',
      content: { 'application/json': { schema: z.object({ ready: z.boolean() }) } },
    },
    ...oipError,
  },
});

const serverRoute = createRoute({
  method: 'get',
  path: '/v2',
  responses: {
    200: {
      description: 'The server',
      content: {
        'application/json': {
          schema: z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) }),
        },
      },
    },
    ...oipError,
  },
});

/** The Open Inference Protocol v2, answered at once. */
export function addOpenInferenceRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, live } = ports;
  const models = createPublishedModels(ports);
  app.openapi(liveRoute, (c) => c.json({ live: true }, 200));
  app.openapi(readyRoute, async (c) => {
    await database.query('select 1');
    return c.json({ ready: true }, 200);
  });
  app.openapi(serverRoute, (c) => c.json({ name: 'nightshift', version: '1', extensions: EXTENSIONS }, 200));

  const infer = async (c: Context, name: string, version: string | undefined): Promise<Response> => {
    checkStorable('param', c.req.path, { model: name, version });
    const { tenantId } = c.get('caller');
    const manifest = { ...(await models.read(tenantId, name, version)), tenantId };
    const { body, binaryOutputs } = readInferBody(Buffer.from(await c.req.arrayBuffer()), c.req.header(HEADER_LENGTH));
    if (manifest.pipeline.kind === 'text-embedding') {
      throw new NightshiftError('invalid_request', `"${name}" embeds texts: use POST /v1/embeddings.`);
    }
    const [answer] = await live.infer(manifest, [body]);
    if (!answer) throw new NightshiftError('internal', 'The runner gave no answer.');
    const answered = bodyOrThrow(answer);
    if (!binaryOutputs) return c.body(stringifyExactJson(answered), 200, { 'content-type': 'application/json' });
    const { bytes, headerBytes } = writeBinaryAnswer(answered);
    return c.body(new Uint8Array(bytes), 200, {
      'content-type': 'application/octet-stream',
      [HEADER_LENGTH]: String(headerBytes),
    });
  };

  for (const [base, params] of [
    ['/v2/models/{model}', modelParam],
    ['/v2/models/{model}/versions/{version}', versionParam],
  ] as const) {
    app.openapi(
      createRoute({
        method: 'get',
        path: base,
        request: { params },
        responses: {
          200: { description: 'Its tensors', content: { 'application/json': { schema: metadataSchema } } },
          ...oipError,
        },
      }),
      async (c) => {
        const manifest = await models.read(
          c.get('caller').tenantId,
          c.req.param('model') ?? '',
          c.req.param('version'),
        );
        const { inputs, outputs } = pipelineTensors(manifest.pipeline);
        const wire = (specs: typeof inputs) => specs.map((spec) => ({ ...spec, shape: [...spec.shape] }));
        return c.json(
          {
            name: manifest.name,
            versions: [manifest.version],
            platform: 'onnxruntime_onnx',
            inputs: wire(inputs),
            outputs: wire(outputs),
          },
          200,
        );
      },
    );
    app.openapi(
      createRoute({
        method: 'get',
        path: `${base}/ready`,
        request: { params },
        responses: {
          200: {
            description: 'It can be asked',
            content: { 'application/json': { schema: z.object({ name: z.string(), ready: z.boolean() }) } },
          },
          ...oipError,
        },
      }),
      async (c) => {
        const { name } = await models.read(
          c.get('caller').tenantId,
          c.req.param('model') ?? '',
          c.req.param('version'),
        );
        return c.json({ name, ready: true }, 200);
      },
    );
    // Not as a validated route: its body may be binary.
    const path = base.replaceAll(/\{(\w+)\}/g, ':$1');
    app.openAPIRegistry.registerPath({
      method: 'post',
      path: `${base}/infer`,
      summary: 'Run the model; tensors as JSON, or in binary form behind the JSON',
      request: { params, body: { content: { 'application/json': { schema: z.looseObject({}) } } } },
      responses: {
        200: { description: 'Its outputs', content: { 'application/json': { schema: z.looseObject({}) } } },
        ...oipError,
      },
    });
    app.post(`${path}/infer`, requireScope('submit'), (c) =>
      infer(c, c.req.param('model') ?? '', c.req.param('version')),
    );
  }
}
