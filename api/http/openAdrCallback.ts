import { timingSafeEqual } from 'node:crypto';

import type { OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { markNotified, openSecrets, readConnection } from '../../store/openAdrConnections.ts';
import { bearerOf, sha256 } from './auth.ts';
import type { ApiPorts } from './ports.ts';
import { notFound } from './wire.ts';
import { checkStorable } from './storableRequest.ts';

const PATH = '/grid/v1/openadr/:id/callback';
const MAX_ECHO_CHARACTERS = 256;

/**
 * Where a utility's server tells of changes. What it says is a hint only: everything is read again from the server, so
 * that a forged notification can at worst cost one poll.
 */
export function addOpenAdrCallbackRoutes(app: OpenAPIHono, { database, cell, seal, vens, now }: ApiPorts): void {
  const tokenOf = async (id: string): Promise<string> => {
    checkStorable('param', '', { id });
    const connection = await readConnection(database, id);
    if (connection?.cellId !== cell.id || connection.isRemoving) throw notFound('connection', id);
    return openSecrets(seal, connection).callbackToken;
  };

  // The server proves with it that the callback of a subscription is there.
  app.get(PATH, async (c) => {
    const echo = c.req.query('echo') ?? '';
    await tokenOf(c.req.param('id'));
    if (echo === '' || echo.length > MAX_ECHO_CHARACTERS) {
      throw new NightshiftError('invalid_request', `echo: must have 1 to ${MAX_ECHO_CHARACTERS} characters.`, {
        field: 'echo',
      });
    }
    // As plain text, so that no browser takes it for a page.
    return c.text(echo, 200, { 'x-content-type-options': 'nosniff' });
  });

  app.post(PATH, async (c) => {
    const id = c.req.param('id');
    const token = await tokenOf(id);
    const presented = bearerOf(c) ?? '';
    // Of equal length and compared in constant time: how long it takes says nothing about the token.
    if (!timingSafeEqual(sha256(presented), sha256(token))) {
      throw new NightshiftError('unauthorized', 'The bearer token is not the one of the subscription.');
    }
    await markNotified(database, id, gridTimeMs(cell.clock, now()));
    await vens.hint(id);
    return c.body(null, 204);
  });
}
