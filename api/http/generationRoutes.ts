import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';

import { NightshiftError } from '../../domain/errors.ts';
import { chatCompletionRequestSchema, completionRequestSchema } from '../../domain/generation.ts';
import { newId } from '../../domain/ids.ts';
import { endpointsOf, type ModelManifest } from '../../domain/models.ts';
import type { ApiPorts } from './ports.ts';
import { ChunkWriter, completionBodySchema } from './completionChunks.ts';
import { bodyOrThrow, createPublishedModels } from './liveModels.ts';
import { streamedGeneration, type AnswerWriter, type LiveTask, type StreamEvent } from './streamedGeneration.ts';
import { answers, taking, unixSeconds } from './wire.ts';

const CHAT = '/v1/chat/completions';
const TEXT = '/v1/completions';

const generated = answers(
  'The answer; with `stream: true` server-sent events with chunks of it, ended by `[DONE]`',
  z.looseObject({}),
);

const chatRoute = createRoute({
  method: 'post',
  path: CHAT,
  summary: 'The next message of a conversation, at once; fields that are not served are refused by their name',
  request: taking(chatCompletionRequestSchema),
  responses: generated,
});
const textRoute = createRoute({
  method: 'post',
  path: TEXT,
  summary: 'How a text goes on, at once; fields that are not served are refused by their name',
  request: taking(completionRequestSchema),
  responses: generated,
});

type GenerationRequest = z.output<typeof chatCompletionRequestSchema> | z.output<typeof completionRequestSchema>;

/** Chat and text completions of OpenAI, answered at once by the cars' own engine beside the API. */
export function addGenerationRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const models = createPublishedModels(ports);

  const answer = async (c: Context, path: typeof CHAT | typeof TEXT, body: GenerationRequest) => {
    const { tenantId } = c.get('caller');
    const manifest = { ...(await models.read(tenantId, body.model)), tenantId };
    mustAnswer(manifest, path);
    const nowMs = ports.now();
    const task = { id: newId('req_', nowMs), body, createdAtSeconds: unixSeconds(nowMs) };
    const giveUp = c.req.raw.signal;
    if (body.stream !== true)
      return c.json(bodyOrThrow(await ports.live.generate(manifest, task, { signal: giveUp })), 200);
    return streamedGeneration(c, ports, manifest, task, (write) => writerOf(manifest, task, path === CHAT, write));
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

/** @throws NightshiftError `invalid_request` when the model is of another kind */
export function mustAnswer({ name, pipeline }: ModelManifest, path: string): void {
  const endpoints = endpointsOf(name, pipeline);
  if (endpoints.includes(path)) return;
  throw new NightshiftError('invalid_request', `"${name}" answers ${endpoints.join(', ')}, not ${path}.`, {
    field: 'model',
  });
}

function writerOf(
  manifest: ModelManifest,
  task: LiveTask & { readonly body: GenerationRequest },
  isChat: boolean,
  write: (event: StreamEvent) => void,
): AnswerWriter {
  const chunks = new ChunkWriter({
    id: task.id,
    created: task.createdAtSeconds,
    model: manifest.name,
    isChat,
    write: (chunk) => write({ data: JSON.stringify(chunk) }),
  });
  return {
    add: (choice, text) => chunks.add(choice, text),
    end: (body) => {
      chunks.end(completionBodySchema.parse(body), task.body.stream_options?.include_usage === true);
      write({ data: '[DONE]' });
    },
    failure: ({ code, message, field = null }) => ({
      data: JSON.stringify({ error: { message, type: 'server_error', param: field, code } }),
    }),
  };
}
