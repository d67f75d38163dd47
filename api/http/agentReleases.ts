import { createHash } from 'node:crypto';

import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { readRelease, signedReleaseSchema } from '../../domain/agentReleases.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { AGENT_RELEASE, objectKeys } from '../../domain/names.ts';
import { sha256Schema } from '../../domain/sha256.ts';
import {
  addRelease,
  listCarAgents,
  listReleases,
  publishRelease,
  readSignedRelease,
  saveCarAgent,
  wantedRelease,
} from '../../store/agentReleases.ts';
import { appendJournal } from '../../store/journal.ts';
import { carOfKey } from '../../store/carKeys.ts';
import {
  agentReleasesSchema,
  agentStateSchema,
  publishedReleaseSchema,
  wantedReleaseSchema,
} from '../wire/agentReleases.ts';
import { bearerOf } from './auth.ts';
import { emptyBody } from './emptyBody.ts';
import { operatorLine } from './operatorLine.ts';
import type { ApiPorts } from './ports.ts';
import { answers, errorResponses, notFound, taking } from './wire.ts';

const MAX_FILE_BYTES = 1024 ** 3;

const shaParam = z.object({ sha256: sha256Schema });

const listRoute = createRoute({
  method: 'get',
  path: '/ops/v1/agent_releases',
  summary: 'Releases of the agent, and what each car runs',
  responses: answers('Newest first', agentReleasesSchema),
});
const publishRoute = createRoute({
  method: 'post',
  path: '/ops/v1/agent_releases',
  summary: 'Publish a signed release; asked again when its missing files are sent, it is complete',
  request: taking(signedReleaseSchema),
  responses: answers('What is still missing', publishedReleaseSchema),
});
const fileDoc = createRoute({
  method: 'put',
  path: '/ops/v1/agent_releases/files/{sha256}',
  summary: 'Send a file of a release',
  request: { params: shaParam },
  responses: answers('It is there', z.object({ stored: z.boolean() })),
});
const stateRoute = createRoute({
  method: 'post',
  path: '/cars/v1/release',
  summary: 'Say what the agent runs, and ask what it should, for the car whose key is the bearer token',
  request: taking(agentStateSchema),
  responses: answers('What it should run', wantedReleaseSchema),
});
const readRoute = createRoute({
  method: 'get',
  path: '/cars/v1/releases/{version}',
  summary: 'A signed release, for a car’s key',
  request: { params: z.object({ version: z.coerce.number().int().min(1) }) },
  responses: answers('As it was signed', signedReleaseSchema),
});
const readFileRoute = createRoute({
  method: 'get',
  path: '/cars/v1/release_files/{sha256}',
  summary: 'A file of a release, for a car’s key',
  request: { params: shaParam },
  responses: {
    200: { description: 'The bytes', content: { 'application/octet-stream': { schema: z.any() } } },
    ...errorResponses,
  },
});

/** Releases of the agent. The operator publishes them; agents trust nobody here, and look at the signatures themselves. */
export function addAgentReleaseRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { database, objects, cell, now } = ports;

  app.openapi(listRoute, async (c) => {
    const releases = (await listReleases(database)).map(({ expiresRealMs, ...release }) => ({
      ...release,
      expires_at: new Date(expiresRealMs).toISOString(),
    }));
    const cars = (await listCarAgents(database, cell.id)).map(
      ({ vehicleId, version, ordered, failed, refused, toldRealMs }) => ({
        car_id: vehicleId,
        version,
        ordered,
        failed: [...failed],
        refused,
        told_at: new Date(toldRealMs).toISOString(),
      }),
    );
    return c.json({ releases, cars }, 200);
  });

  app.openapi(publishRoute, async (c) => {
    const given = c.req.valid('json');
    const release = readRelease(given);
    if (given.signatures.length === 0) throw wrong('signatures', 'is empty: no agent would take the release');
    if (Date.parse(release.expires_at) <= now()) throw wrong('expires_at', `${release.expires_at} has passed`);
    const newest = (await listReleases(database)).find(({ published }) => published)?.version ?? 0;
    const isKnown = (await readSignedRelease(database, release.version)) !== undefined;
    if (!isKnown && release.version <= newest) {
      throw wrong('version', `must be above ${newest}, the newest release: agents take no older one`);
    }
    if (!(await addRelease(database, release, given))) {
      throw new NightshiftError('conflict', `Release ${release.version} is published with other files.`, {
        field: 'version',
      });
    }
    const missing: string[] = [];
    for (const { sha256, bytes } of release.files) {
      if ((await objects.head(objectKeys.agentFile(sha256)))?.sizeBytes !== bytes) missing.push(sha256);
    }
    const published = missing.length === 0;
    if (published && !isKnown) {
      await publishRelease(database, release.version);
      const message = `An operator published release ${release.version} (${release.name}) of the agent`;
      await appendJournal(database, cell.id, [operatorLine(ports, c.get('caller').keyId, AGENT_RELEASE, message)]);
    }
    return c.json({ version: release.version, published, missing: [...new Set(missing)] }, 200);
  });

  // Not as an OpenAPI route: its validator would read the body.
  app.openAPIRegistry.registerPath(fileDoc);
  app.put('/ops/v1/agent_releases/files/:sha256', async (c) => {
    const { sha256 } = shaParam.parse(c.req.param());
    await objects.putStream(objectKeys.agentFile(sha256), hashed(c.req.raw.body ?? emptyBody(), sha256));
    return c.json({ stored: true });
  });

  const carOf = async (key: string | undefined) => {
    const car = await carOfKey(database, key ?? '');
    if (!car) throw new NightshiftError('unauthorized', 'The car’s key is unknown.');
    return car;
  };

  app.openapi(stateRoute, async (c) => {
    const { vehicleId } = await carOf(bearerOf(c));
    await saveCarAgent(database, { vehicleId, ...c.req.valid('json'), toldRealMs: now() });
    const wanted = await wantedRelease(database, vehicleId);
    return c.json({ wanted: wanted > c.req.valid('json').version ? wanted : null }, 200);
  });

  app.openapi(readRoute, async (c) => {
    await carOf(bearerOf(c));
    const { version } = c.req.valid('param');
    const release = await readSignedRelease(database, version);
    if (!release) throw notFound('release of the agent', `${version}`);
    return c.json(release, 200);
  });

  app.openapi(readFileRoute, async (c) => {
    await carOf(bearerOf(c));
    const content = await objects.getStream(objectKeys.agentFile(c.req.valid('param').sha256));
    return c.body(ReadableStream.from(content), 200, { 'content-type': 'application/octet-stream' });
  });
}

function wrong(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', `${field}: ${message}.`, { field });
}

/** @throws NightshiftError `invalid_request` at the end of another file, `payload_too_large` */
async function* hashed(body: AsyncIterable<Uint8Array>, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.byteLength;
    if (bytes > MAX_FILE_BYTES)
      throw new NightshiftError('payload_too_large', `The body has more than ${MAX_FILE_BYTES} bytes.`);
    hash.update(piece);
    yield piece;
  }
  if (hash.digest('hex') !== sha256) throw wrong('sha256', 'is not the hash of the body');
}
