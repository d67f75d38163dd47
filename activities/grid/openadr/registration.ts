import { isDeepStrictEqual } from 'node:util';
import type { OpenAdrRegistration, OpenAdrSecrets, OpenAdrSettings } from '../../../domain/openAdr.ts';
import type { Addressees, SiteFeeder } from './heldEvent.ts';
import type { ResourceBody, VenBody } from './outgoing.ts';
import type { VtnClient } from './vtnClient.ts';
import { isNotOffered, VtnError } from './vtnError.ts';
import { readWire, wireResourceSchema, wireSubscriptionSchema, wireVenSchema } from './wire.ts';

/** A feeder as the server is told of it. */
export interface RegisteredFeeder extends SiteFeeder {
  /** The most that its cars can draw. */
  readonly maxConsumptionKw: number;
}

export interface RegistrationRequest {
  readonly settings: Pick<OpenAdrSettings, 'venName'>;
  /** Of our credentials; undefined at a server that takes anybody. */
  readonly clientId: string | undefined;
  readonly feeders: readonly RegisteredFeeder[];
  /** What the server knew us as when it last told. */
  readonly known: OpenAdrRegistration | null;
  /** Vens that our other connections are there. */
  readonly otherVenIds: readonly string[];
}

export interface RegistrationResult {
  /** Null at a server without vens. */
  readonly registered: OpenAdrRegistration | null;
  /** Why it is not known as it is now, so that what was known holds; null when it is known. */
  readonly failure: string | null;
}

/**
 * Sees to it that we are a ven there and each feeder is one of its resources, with what we say of them up to date; the
 * targets are the utility's to write. What the server does not tell now is as it was: a grant that is forgotten for one
 * poll would hide events, and free cars from their limits. A server that never had vens is followed without targets.
 */
export async function register(client: VtnClient, request: RegistrationRequest): Promise<RegistrationResult> {
  const { settings, feeders, known } = request;
  let ven: Omit<OpenAdrRegistration, 'resourceTargets'>;
  try {
    ven = await ourVen(client, known?.venName ?? settings.venName, request);
  } catch (error) {
    if (!(error instanceof VtnError)) throw error;
    return { registered: known, failure: known === null && isNotOffered(error) ? null : error.message };
  }
  const resourceTargets: Record<string, readonly string[]> = { ...known?.resourceTargets };
  let failure: string | null = null;
  try {
    // One list for all: a question for each feeder would keep an emergency waiting at every look.
    const listed = await client.walk('resources', { venID: ven.venId });
    for (const feeder of feeders) {
      const { targets, failure: unsaid } = await resourceOf(client, ven.venId, feeder, listed);
      if (targets) resourceTargets[feeder.id] = targets;
      failure ??= unsaid;
    }
  } catch (error) {
    if (!(error instanceof VtnError)) throw error;
    failure = error.message;
  }
  return { registered: { ...ven, resourceTargets }, failure };
}

/** Whom targets may name: our ven, and the resources that our feeders are there. */
export function addresseesOf<Feeder extends SiteFeeder>(
  registered: OpenAdrRegistration | null,
  feeders: readonly Feeder[],
): Addressees<Feeder> {
  return {
    venTargets: registered?.venTargets ?? [],
    feeders: feeders.map((feeder) => ({ ...feeder, targets: registered?.resourceTargets[feeder.id] ?? [] })),
  };
}

/** Every target that is to be asked for: what is configured, and what was granted. */
export function targetsOf(
  registered: OpenAdrRegistration | null,
  feeders: readonly SiteFeeder[],
  configured: readonly string[],
): string[] {
  const addressees = addresseesOf(registered, feeders);
  return [
    ...new Set([...configured, ...addressees.venTargets, ...addressees.feeders.flatMap(({ targets }) => targets)]),
  ];
}

/**
 * The ven of our name; else the one that the utility has made for our client; else a new one.
 * @throws VtnError also when the utility has made several and none has our name
 */
async function ourVen(
  client: VtnClient,
  venName: string,
  { clientId, known: before, otherVenIds }: RegistrationRequest,
): Promise<Omit<OpenAdrRegistration, 'resourceTargets'>> {
  const listed = async (query: Readonly<Record<string, string>>) =>
    (await client.walk('vens', query)).flatMap((sent) => {
      const found = readWire(wireVenSchema, sent);
      return 'read' in found ? [found.read] : [];
    });
  const named = async () => (await listed({ venName })).find((found) => found.venName === venName);
  const known = await named();
  if (known) return asKnown(known, before?.isOurs ?? false);
  const others = (await listed({})).filter(({ id }) => !otherVenIds.includes(id));
  const ofClient = others.filter(({ clientID }) => clientID !== undefined && clientID === clientId);
  if (ofClient.length > 0) return asKnown(onlyOne(ofClient, venName), false);
  const wanted: VenBody = { objectType: 'VEN_VEN_REQUEST', venName, attributes: [] };
  try {
    const made = readWire(wireVenSchema, await client.post('vens', wanted));
    if ('read' in made) return asKnown(made.read, true);
    throw new VtnError(`POST vens answered another form: ${made.problem}`);
  } catch (error) {
    if (!(error instanceof VtnError) || error.status !== 409) throw error;
    // Somebody else of us was faster, the first answer was lost, or the utility has made one without telling whose it is.
    const found = await named();
    if (found) return asKnown(found, true);
    if (others.length === 0) throw error;
    return asKnown(onlyOne(others, venName), false);
  }
}

function asKnown(
  {
    id: venId,
    venName,
    targets: venTargets,
  }: { readonly id: string; readonly venName: string; readonly targets: string[] },
  isOurs: boolean,
): Omit<OpenAdrRegistration, 'resourceTargets'> {
  return { venId, venName, isOurs, venTargets };
}

function onlyOne<Ven extends { readonly venName: string }>(vens: readonly Ven[], venName: string): Ven {
  const [only, ...more] = vens;
  if (only && more.length === 0) return only;
  const names = vens.map((ven) => JSON.stringify(ven.venName)).join(', ');
  throw new VtnError(
    `the server has ${vens.length} vens for us, ${names}, and none is called ${venName}: name one as ven_name`,
  );
}

/** A feeder's resource, made when it is missing and corrected when it says something else. */
async function resourceOf(
  client: VtnClient,
  venId: string,
  { id, maxConsumptionKw }: RegisteredFeeder,
  listed: readonly unknown[],
): Promise<{ readonly targets: readonly string[] | undefined; readonly failure: string | null }> {
  const wanted: ResourceBody = {
    objectType: 'VEN_RESOURCE_REQUEST',
    resourceName: id,
    venID: venId,
    attributes: [{ type: 'MAX_POWER_CONSUMPTION', values: [maxConsumptionKw] }],
  };
  const find = (among: readonly unknown[]) => {
    for (const sent of among) {
      const found = readWire(wireResourceSchema, sent);
      if ('read' in found && found.read.resourceName === id && (found.read.venID ?? venId) === venId) return found.read;
    }
    return undefined;
  };
  const known = find(listed);
  try {
    if (known && isDeepStrictEqual(known.attributes ?? [], wanted.attributes)) {
      return { targets: known.targets, failure: null };
    }
    if (known) {
      await client.put(`resources/${encodeURIComponent(known.id)}`, wanted);
      return { targets: known.targets, failure: null };
    }
    const made = readWire(wireResourceSchema, await client.post('resources', wanted));
    if ('read' in made) return { targets: made.read.targets, failure: null };
    throw new VtnError(`POST resources answered another form: ${made.problem}`);
  } catch (error) {
    if (!(error instanceof VtnError)) throw error;
    // Somebody else of us was faster, or the first answer was lost.
    const reused =
      error.status === 409 ? find(await client.walk('resources', { venID: venId, resourceName: id })) : known;
    return { targets: reused?.targets, failure: error.status === 409 && reused ? null : error.message };
  }
}

/** Takes back what we made there. What the server does not let go of stays, and is told. @throws VtnError */
export async function unregister(
  client: VtnClient,
  connectionId: string,
  settings: OpenAdrSettings,
  registered: OpenAdrRegistration | null,
): Promise<void> {
  const callbackUrl = callbackOf(connectionId, settings);
  if (callbackUrl !== undefined) {
    for (const sent of await client.walk('subscriptions', { clientName: clientNameOf(settings, registered) })) {
      const found = readWire(wireSubscriptionSchema, sent);
      if (!('read' in found)) continue;
      const isOurs = found.read.objectOperations.some((each) => each.callbackUrl === callbackUrl);
      if (isOurs) await client.delete(`subscriptions/${encodeURIComponent(found.read.id)}`);
    }
  }
  if (!registered?.isOurs) return;
  for (const sent of await client.walk('resources', { venID: registered.venId })) {
    const found = readWire(wireResourceSchema, sent);
    if ('read' in found && (found.read.venID ?? registered.venId) === registered.venId) {
      await client.delete(`resources/${encodeURIComponent(found.read.id)}`);
    }
  }
  await client.delete(`vens/${encodeURIComponent(registered.venId)}`);
}

/** What we call ourselves in subscriptions and reports: the ven's name there. */
export function clientNameOf(
  { venName }: Pick<OpenAdrSettings, 'venName'>,
  registered: OpenAdrRegistration | null,
): string {
  return registered?.venName ?? venName;
}

function callbackOf(connectionId: string, { callbackUrl }: OpenAdrSettings): string | undefined {
  if (callbackUrl === undefined) return undefined;
  const base = callbackUrl.endsWith('/') ? callbackUrl : `${callbackUrl}/`;
  return new URL(`grid/v1/openadr/${connectionId}/callback`, base).href;
}

/**
 * Asks to be told of changes at our callback.
 * @returns why there are no notifications, or null when there are: polling goes on either way
 */
export async function subscribe(
  client: VtnClient,
  connectionId: string,
  settings: OpenAdrSettings,
  registered: OpenAdrRegistration | null,
  { callbackToken }: OpenAdrSecrets,
): Promise<string | null> {
  const callbackUrl = callbackOf(connectionId, settings);
  if (callbackUrl === undefined) return 'no callback URL is configured';
  const clientName = clientNameOf(settings, registered);
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
