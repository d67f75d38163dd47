import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { responseFrame, responseIds, responseRequestSchema } from '../../domain/responses.ts';
import { expireFile } from '../../store/files.ts';
import { mustAnswer } from './generationRoutes.ts';
import { bodyOrThrow, createPublishedModels } from './liveModels.ts';
import type { ApiPorts } from './ports.ts';
import { responseBodySchema, ResponseEvents } from './responseEvents.ts';
import { conversationOf, fileOfResponse, mayStore, readStoredResponse, storeResponse } from './storedResponses.ts';
import { streamedGeneration } from './streamedGeneration.ts';
import { removeFile } from './tidyUp.ts';
import { answers, errorResponses, idParam, listOf, listSchema, taking, unixSeconds } from './wire.ts';

const PATH = '/v1/responses';
const responseJson = { 'application/json': { schema: z.looseObject({}) } };

const respondRoute = createRoute({
  method: 'post',
  path: PATH,
  summary: 'A response to a text or a conversation, at once; fields that are not served are refused by their name',
  request: taking(responseRequestSchema),
  responses: {
    200: { description: 'The response; with `stream: true` its events', content: responseJson },
    ...errorResponses,
  },
});
const readRoute = createRoute({
  method: 'get',
  path: `${PATH}/{id}`,
  summary: 'A stored response',
  request: { params: idParam },
  responses: { 200: { description: 'The response', content: responseJson }, ...errorResponses },
});
const itemsRoute = createRoute({
  method: 'get',
  path: `${PATH}/{id}/input_items`,
  summary: 'The conversation that a stored response answers, newest item first unless asked otherwise',
  request: { params: idParam, query: z.object({ order: z.enum(['asc', 'desc']).default('desc') }) },
  responses: answers('All of its items, on one page', listSchema(z.looseObject({ id: z.string() }))),
});
const deleteRoute = createRoute({
  method: 'delete',
  path: `${PATH}/{id}`,
  summary: 'Forget a stored response',
  request: { params: idParam },
  responses: answers(
    'It is gone',
    z.object({ id: z.string(), object: z.literal('response'), deleted: z.literal(true) }),
  ),
});

/** OpenAI's Responses, text in and text out. They are stored unless the request says `store: false`, as there. */
export function addResponseRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const models = createPublishedModels(ports);

  app.openapi(respondRoute, async (c) => {
    const body = c.req.valid('json');
    const { tenantId } = c.get('caller');
    const manifest = { ...(await models.read(tenantId, body.model)), tenantId };
    mustAnswer(manifest, PATH);
    const items = await conversationOf(ports, tenantId, body);
    const isStored = body.store !== false && (await mayStore(ports, tenantId, items, body.store === true));
    const own = { store: isStored, previous_response_id: body.previous_response_id ?? null };
    const nowMs = ports.now();
    const id = newId('req_', nowMs);
    const createdAtSeconds = unixSeconds(nowMs);
    const task = { id, body: { ...body, input: items, store: false, previous_response_id: null }, createdAtSeconds };
    const finish = async (answer: unknown) => {
      const response = { ...responseBodySchema.parse(answer), ...own };
      if (isStored) await storeResponse(ports, tenantId, { items, response });
      return response;
    };
    if (body.stream !== true) {
      const answer = await ports.live.generate(manifest, task, { signal: c.req.raw.signal });
      return c.json(await finish(bodyOrThrow(answer)), 200);
    }
    const ids = responseIds(id);
    const frame = { ...responseFrame(body, { id: ids.response, createdAtSeconds }), ...own };
    const streamed = streamedGeneration(
      c,
      ports,
      manifest,
      task,
      (write) => new ResponseEvents({ messageId: ids.message, frame, write, finish }),
    );
    // A stream has no one schema; its events are what OpenAI's clients read.
    return streamed as never; // oxlint-disable-line typescript/no-unsafe-type-assertion
  });

  app.openapi(readRoute, async (c) => {
    const { response } = await readStoredResponse(ports, c.get('caller').tenantId, c.req.valid('param').id);
    return c.json(response, 200);
  });

  app.openapi(itemsRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { items } = await readStoredResponse(ports, c.get('caller').tenantId, id);
    const named = items.map((item, index) => ({
      ...item,
      type: item.type ?? 'message',
      id: item.id ?? `item_${index}`,
    }));
    return c.json(listOf(c.req.valid('query').order === 'asc' ? named : named.toReversed(), named.length), 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const { id } = c.req.valid('param');
    await fileOfResponse(ports, c.get('caller').tenantId, id);
    const file = await expireFile(ports.database, id);
    if (!file) throw new NightshiftError('not_found', `There is no stored response "${id}".`, { field: 'id' });
    await removeFile(ports, file);
    return c.json({ id, object: 'response' as const, deleted: true as const }, 200);
  });
}
