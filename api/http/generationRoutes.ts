import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';

import { NightshiftError } from '../../domain/errors.ts';
import { chatCompletionRequestSchema, completionRequestSchema } from '../../domain/generation.ts';
import { newId } from '../../domain/ids.ts';
import { endpointsOf, type ModelManifest } from '../../domain/models.ts';
import type { ApiPorts } from './ports.ts';
import { ChunkWriter, completionBodySchema } from './completionChunks.ts';
import { bodyOrThrow, createPublishedModels } from './liveModels.ts';
import { errorResponses, unixSeconds } from './wire.ts';

const CHAT = '/v1/chat/completions';
const TEXT = '/v1/completions';

const answers = {
  200: {
    description: 'The answer; with `stream: true` server-sent events with chunks of it, ended by `[DONE]`',
    content: { 'application/json': { schema: z.looseObject({}) } },
  },
  ...errorResponses,
};

const chatRoute = createRoute({
  method: 'post',
  path: CHAT,
  summary: 'The next message of a conversation, at once; fields that are not served are refused by their name',
  request: { body: { required: true, content: { 'application/json': { schema: chatCompletionRequestSchema } } } },
  responses: answers,
});
const textRoute = createRoute({
  method: 'post',
  path: TEXT,
  summary: 'How a text goes on, at once; fields that are not served are refused by their name',
  request: { body: { required: true, content: { 'application/json': { schema: completionRequestSchema } } } },
  responses: answers,
});

type GenerationRequest = z.output<typeof chatCompletionRequestSchema> | z.output<typeof completionRequestSchema>;

/** Chat and text completions of OpenAI, answered at once by the cars' own engine beside the API. */
export function addGenerationRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const models = createPublishedModels(ports);

  const answer = async (c: Context, path: typeof CHAT | typeof TEXT, body: GenerationRequest) => {
    const manifest = await models.read(c.get('caller').tenantId, body.model);
    mustAnswer(manifest, path);
    const nowMs = ports.now();
    const task = { id: newId('req_', nowMs), body, createdAtSeconds: unixSeconds(nowMs) };
    const giveUp = c.req.raw.signal;
    if (body.stream !== true)
      return c.json(bodyOrThrow(await ports.live.generate(manifest, task, { signal: giveUp })), 200);
    return streamed(c, ports, manifest, task, path === CHAT);
  };

  app.openapi(chatRoute, async (c) => {
    const response = await answer(c, CHAT, c.req.valid('json'));
    // A stream has no one schema; what the engine gives is what OpenAI's clients read.
    return response as never; // oxlint-disable-line typescript/no-unsafe-type-assertion
  });
  app.openapi(textRoute, async (c) => {
    const response = await answer(c, TEXT, c.req.valid('json'));
    return response as never; // oxlint-disable-line typescript/no-unsafe-type-assertion
  });
}

function mustAnswer({ name, pipeline }: ModelManifest, path: string): void {
  const endpoints = endpointsOf(name, pipeline);
  if (endpoints.includes(path)) return;
  throw new NightshiftError('invalid_request', `"${name}" answers ${endpoints.join(', ')}, not ${path}.`, {
    field: 'model',
  });
}

function streamed(
  c: Context,
  { live, logger }: ApiPorts,
  manifest: ModelManifest,
  task: { readonly id: string; readonly body: GenerationRequest; readonly createdAtSeconds: number },
  isChat: boolean,
): Response {
  const giveUp = new AbortController();
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => giveUp.abort(new Error('nobody reads the stream any more')));
    const writer = new ChunkWriter({
      id: task.id,
      created: task.createdAtSeconds,
      model: manifest.name,
      isChat,
      // Whoever reads slowly must not make the engine wait for all others: the stream's own buffer does.
      write: (chunk) => void stream.writeSSE({ data: JSON.stringify(chunk) }),
    });
    try {
      const given = await live.generate(manifest, task, {
        signal: giveUp.signal,
        onProgress: ({ choice, text }) => writer.add(choice, text),
      });
      const body = completionBodySchema.parse(bodyOrThrow(given));
      writer.end(body, task.body.stream_options?.include_usage === true);
      await stream.writeSSE({ data: '[DONE]' });
    } catch (error) {
      if (giveUp.signal.aborted) return;
      // The status is sent: the error is the last event, in the form that SDKs throw.
      const known = error instanceof NightshiftError ? error : new NightshiftError('internal', 'The stream broke off.');
      if (known.httpStatus >= 500) logger.error({ err: error }, 'a stream broke off');
      const { code, message, field = null } = known;
      await stream.writeSSE({ data: JSON.stringify({ error: { message, type: 'server_error', param: field, code } }) });
    }
  });
}
