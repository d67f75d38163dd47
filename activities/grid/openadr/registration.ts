import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { OpenAdrSecrets, OpenAdrSettings } from '../../../domain/openAdr.ts';
import type { SiteFeeder } from './heldEvent.ts';
import type { ResourceBody, VenBody } from './outgoing.ts';
import type { VtnClient } from './vtnClient.ts';
import { isNotOffered, VtnError } from './vtnError.ts';
import { readWire, wireResourceSchema, wireSubscriptionSchema, wireVenSchema } from './wire.ts';

/** A feeder as the server is told of it. */
export interface RegisteredFeeder extends SiteFeeder {
  /** The most that its cars can draw. */
  readonly maxConsumptionKw: number;
}

/** What the server knows us as, and lets us see. */
export interface Registration {
  /** Null at a server without vens. */
  readonly venId: string | null;
  readonly targets: readonly string[];
  readonly feeders: readonly (RegisteredFeeder & { readonly targets: readonly string[] })[];
}

/**
 * Sees to it that we are a ven there and each feeder is one of its resources, with what we say of them up to date; the
 * targets are the utility's to write. A server without these endpoints is followed without targets.
 * @throws VtnError
 */
export async function register(
  client: VtnClient,
  settings: OpenAdrSettings,
  feeders: readonly RegisteredFeeder[],
): Promise<Registration> {
  const { venName, targets } = settings;
  try {
    const wantedVen: VenBody = { objectType: 'VEN_VEN_REQUEST', venName, attributes: [] };
    const ven = await ensure(
      client,
      'vens',
      { venName },
      wireVenSchema,
      (found) => found.venName === venName,
      wantedVen,
    );
    // One list for all: a question for each feeder would keep an emergency waiting at every look.
    const listed = await client.walk('resources', { venID: ven.id });
    const registered: Registration['feeders'][number][] = [];
    for (const feeder of feeders) {
      const wanted: ResourceBody = {
        objectType: 'VEN_RESOURCE_REQUEST',
        resourceName: feeder.id,
        venID: ven.id,
        attributes: [{ type: 'MAX_POWER_CONSUMPTION', values: [feeder.maxConsumptionKw] }],
      };
      const resource = await ensure(
        client,
        'resources',
        { venID: ven.id, resourceName: feeder.id },
        wireResourceSchema,
        (found) => found.resourceName === feeder.id && (found.venID ?? ven.id) === ven.id,
        wanted,
        listed,
      );
      registered.push({ ...feeder, targets: resource.targets });
    }
    return {
      venId: ven.id,
      targets: [...new Set([...targets, ...ven.targets, ...registered.flatMap((feeder) => feeder.targets)])],
      feeders: registered,
    };
  } catch (error) {
    if (!isNotOffered(error)) throw error;
    return { venId: null, targets, feeders: feeders.map((feeder) => ({ ...feeder, targets: [] })) };
  }
}

type Registered = z.ZodType<{ readonly id: string; readonly attributes?: unknown; readonly targets: string[] }>;

/** The object with our name, made when it is missing and corrected when it says something else. */
async function ensure<Schema extends Registered>(
  client: VtnClient,
  path: 'vens' | 'resources',
  query: Readonly<Record<string, string>>,
  schema: Schema,
  isOurs: (found: z.output<Schema>) => boolean,
  wanted: VenBody | ResourceBody,
  listed?: readonly unknown[],
): Promise<z.output<Schema>> {
  const find = async (among?: readonly unknown[]): Promise<z.output<Schema> | undefined> => {
    for (const sent of among ?? (await client.walk(path, query))) {
      const found = readWire(schema, sent);
      if ('read' in found && isOurs(found.read)) return found.read;
    }
    return undefined;
  };
  const known = await find(listed);
  if (known) {
    if (wanted.attributes.length > 0 && !isDeepStrictEqual(known.attributes ?? [], wanted.attributes)) {
      await client.put(`${path}/${encodeURIComponent(known.id)}`, wanted);
    }
    return known;
  }
  try {
    const made = readWire(schema, await client.post(path, wanted));
    if ('read' in made) return made.read;
    throw new VtnError(`POST ${path} answered another form: ${made.problem}`);
  } catch (error) {
    // Somebody else of us was faster, or the first answer was lost.
    const reused = error instanceof VtnError && error.status === 409 ? await find() : undefined;
    if (reused) return reused;
    throw error;
  }
}

/**
 * Asks to be told of changes at our callback.
 * @returns why there are no notifications, or null when there are: polling goes on either way
 */
export async function subscribe(
  client: VtnClient,
  connectionId: string,
  settings: OpenAdrSettings,
  { callbackToken }: OpenAdrSecrets,
): Promise<string | null> {
  if (settings.callbackUrl === undefined) return 'no callback URL is configured';
  const base = settings.callbackUrl.endsWith('/') ? settings.callbackUrl : `${settings.callbackUrl}/`;
  const callbackUrl = new URL(`grid/v1/openadr/${connectionId}/callback`, base).href;
  const clientName = settings.venName;
  const wanted = {
    clientName,
    objectOperations: [
      {
        objects: ['PROGRAM', 'EVENT'] as ('PROGRAM' | 'EVENT')[],
        operations: ['CREATE', 'UPDATE', 'DELETE'] as ('CREATE' | 'UPDATE' | 'DELETE')[],
        callbackUrl,
        bearerToken: callbackToken,
      },
    ],
  };
  try {
    for (const sent of await client.walk('subscriptions', { clientName })) {
      const found = readWire(wireSubscriptionSchema, sent);
      const operation =
        'read' in found ? found.read.objectOperations.find((each) => each.callbackUrl === callbackUrl) : undefined;
      if (!('read' in found) || !operation) continue;
      const isOutdated = operation.bearerToken !== undefined && operation.bearerToken !== callbackToken;
      if (isOutdated) await client.put(`subscriptions/${encodeURIComponent(found.read.id)}`, wanted);
      return null;
    }
    await client.post('subscriptions', wanted);
    return null;
  } catch (error) {
    if (error instanceof VtnError) return error.message;
    throw error;
  }
}
