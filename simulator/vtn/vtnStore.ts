import { isJson, type Json } from './exchange.ts';

const COLLECTIONS = {
  programs: { type: 'PROGRAM', required: ['programName'], unique: ['programName'] },
  events: { type: 'EVENT', required: ['programID'], unique: [] },
  reports: { type: 'REPORT', required: ['eventID', 'clientName', 'resources'], unique: [] },
  subscriptions: { type: 'SUBSCRIPTION', required: ['clientName', 'objectOperations'], unique: [] },
  vens: { type: 'VEN', required: ['objectType', 'venName'], unique: ['venName'] },
  resources: { type: 'RESOURCE', required: ['objectType', 'resourceName', 'venID'], unique: ['resourceName', 'venID'] },
} as const;
export type Collection = keyof typeof COLLECTIONS;

export type Stored = Json & { readonly id: string };

/** The objects of the server, stamped as it stamps them. */
export class VtnStore {
  readonly #objects = new Map<Collection, Map<string, Stored>>();
  readonly #now: () => number;
  #made = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  has(name: string): name is Collection {
    return Object.hasOwn(COLLECTIONS, name);
  }

  list(collection: Collection): Stored[] {
    return [...this.#of(collection).values()];
  }

  read(collection: Collection, id: string): Stored | undefined {
    return this.#of(collection).get(id);
  }

  create(collection: Collection, body: Json): Stored {
    const id = typeof body['id'] === 'string' ? body['id'] : `${collection.slice(0, -1)}-${++this.#made}`;
    const nowText = this.#stamp();
    const stored = {
      ...body,
      id,
      objectType: COLLECTIONS[collection].type,
      createdDateTime: nowText,
      modificationDateTime: nowText,
    };
    this.#of(collection).set(id, stored);
    return stored;
  }

  /** @throws Error when there is nothing to update */
  update(collection: Collection, id: string, body: Json): Stored {
    const known = this.read(collection, id);
    if (!known) throw new Error(`${collection} has no ${id}`);
    const stored = { ...known, ...body, id, objectType: known['objectType'], modificationDateTime: this.#stamp() };
    this.#of(collection).set(id, stored);
    return stored;
  }

  remove(collection: Collection, id: string): Stored | undefined {
    const stored = this.read(collection, id);
    this.#of(collection).delete(id);
    return stored;
  }

  missingField(collection: Collection, body: Json): string | undefined {
    return COLLECTIONS[collection].required.find((field) => body[field] === undefined);
  }

  isTaken(collection: Collection, body: Json): boolean {
    const unique: readonly string[] = COLLECTIONS[collection].unique;
    return (
      unique.length > 0 &&
      this.list(collection).some((stored) => unique.every((field) => stored[field] === body[field]))
    );
  }

  /** Targets of all vens and resources; the server has one client. */
  grantedTargets(): Set<string> {
    return new Set(
      [...this.list('vens'), ...this.list('resources')].flatMap(({ targets }) =>
        Array.isArray(targets) ? targets.map(String) : [],
      ),
    );
  }

  #of(collection: Collection): Map<string, Stored> {
    const objects = this.#objects.get(collection) ?? new Map<string, Stored>();
    this.#objects.set(collection, objects);
    return objects;
  }

  /** A later change has a later stamp, also within one millisecond. */
  #lastMs = 0;
  #stamp(): string {
    this.#lastMs = Math.max(this.#lastMs + 1, Math.round(this.#now()));
    return new Date(this.#lastMs).toISOString();
  }
}

/** The places that a subscription wants to be told at. */
export function callbacksOf(subscription: Json): { callbackUrl: string; bearerToken: string; objects: string[] }[] {
  const operations: unknown = subscription['objectOperations'];
  return (Array.isArray(operations) ? operations : []).filter(isJson).map((operation) => ({
    callbackUrl: String(operation['callbackUrl']),
    bearerToken: String(operation['bearerToken']),
    objects: Array.isArray(operation['objects']) ? operation['objects'].map(String) : [],
  }));
}
