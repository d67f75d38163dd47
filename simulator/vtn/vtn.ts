import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { readJsonBody, type Json, type VtnFault, type VtnRequest } from './exchange.ts';
import { VtnPush, type VtnPublish } from './push.ts';
import { TokenDesk } from './tokens.ts';
import { VtnStore, type Collection, type Stored } from './vtnStore.ts';

export interface VtnOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  /** What the client may do; a write without its scope is refused with 403. */
  readonly scopes?: readonly string[];
  readonly tokenSeconds?: number;
  /** How it refuses a token that it does not know: 401, or 403 as openleadr-rs does. */
  readonly unknownTokenStatus?: 401 | 403;
  /** Stamps objects; a utility's clock may be wrong. */
  readonly now?: () => number;
  /** Offers MQTT notifications: where, and how to send one. */
  readonly mqtt?: { readonly uri: string; readonly publish: VtnPublish };
}

const WRITE_SCOPES: Readonly<Partial<Record<Collection, string>>> = {
  reports: 'write_reports',
  subscriptions: 'write_subscriptions',
  vens: 'write_vens',
  resources: 'write_vens',
};
const ALL_SCOPES = ['read_targets', 'read_ven_objects', 'write_reports', 'write_subscriptions', 'write_vens'];
const MAX_PER_PAGE = 50;
const FILTERS = ['programID', 'eventID', 'clientName', 'venName', 'resourceName', 'venID'];

/**
 * A utility's OpenADR 3.1 server on loopback: stateful, paged, pushing, and wrong on demand. The demo's utility, and
 * what the VEN is tested against. Keeps everything in memory.
 */
export class Vtn {
  readonly store: VtnStore;
  /** Every request, in order. */
  readonly asked: VtnRequest[] = [];
  /** Asked before each request is answered: what goes wrong with it. */
  fault: (request: VtnRequest) => VtnFault | undefined = () => undefined;
  readonly #options: VtnOptions;
  readonly #tokens: TokenDesk;
  readonly #push: VtnPush;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  url = '';

  private constructor(options: VtnOptions) {
    this.#options = options;
    this.store = new VtnStore(options.now ?? Date.now);
    this.#tokens = new TokenDesk(options.clientId, options.clientSecret, options.tokenSeconds ?? 3600);
    this.#push = new VtnPush(this.store, options.mqtt?.publish);
  }

  /** Listens on a free port of loopback. */
  static async start(options: VtnOptions): Promise<Vtn> {
    const vtn = new Vtn(options);
    await new Promise<void>((resolve) => vtn.#server.listen(0, '127.0.0.1', resolve));
    const address = vtn.#server.address();
    if (typeof address === 'object' && address) vtn.url = `http://127.0.0.1:${address.port}`;
    return vtn;
  }

  async close(): Promise<void> {
    await this.#push.settled();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** What the utility's own systems do: create a program or an event, change it, take it back; subscribers hear of it. */
  create(collection: 'programs' | 'events', body: Json): Stored {
    const stored = this.store.create(collection, body);
    this.#push.tell(collection, 'CREATE', stored);
    return stored;
  }

  update(collection: 'programs' | 'events' | 'vens' | 'resources', id: string, body: Json): Stored {
    const stored = this.store.update(collection, id, body);
    this.#push.tell(collection, 'UPDATE', stored);
    return stored;
  }

  remove(collection: 'programs' | 'events', id: string): void {
    const stored = this.store.remove(collection, id);
    if (stored) this.#push.tell(collection, 'DELETE', stored);
  }

  /** Ends every token at once, as a restarted authorization server does. */
  forgetTokens(): void {
    this.#tokens.forget();
  }

  /** Resolves when every notification so far has been sent or given up. */
  async notified(): Promise<void> {
    await this.#push.settled();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', this.url);
    const { body, form } = await readJsonBody(incoming);
    const request: VtnRequest = { method: incoming.method ?? 'GET', path: url.pathname, query: url.searchParams, body };
    this.asked.push(request);
    const fault = this.fault(request);
    if (fault === 'hang') return;
    if (fault === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('[{"id":"hal');
      setImmediate(() => response.destroy());
      return;
    }
    const answer = fault ?? (await this.#answer(request, form, incoming.headers.authorization));
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(
      answer.body === undefined ? '' : typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body),
    );
  }

  async #answer(
    request: VtnRequest,
    form: URLSearchParams,
    authorization: string | undefined,
  ): Promise<Exclude<VtnFault, string>> {
    const { method, path } = request;
    if (path === '/auth/server') return { status: 200, body: { tokenURL: `${this.url}/auth/token` } };
    if (path === '/auth/token' && method === 'POST') return this.#tokens.issue(form);
    if (!this.#tokens.isValid(authorization)) {
      return problem(this.#options.unknownTokenStatus ?? 401, 'the bearer token is missing or has ended');
    }
    if (path === '/notifiers') return this.#notifiers();
    if (path.startsWith('/notifiers/mqtt/topics/')) return mqttTopics(path);
    const [, name = '', id] = path.split('/');
    if (!this.store.has(name)) return problem(404, `there is no ${path}`);
    const scope = WRITE_SCOPES[name];
    const isWrite = method !== 'GET';
    if (isWrite && (scope === undefined || !(this.#options.scopes ?? ALL_SCOPES).includes(scope))) {
      return problem(403, `${method} ${name} needs ${scope ?? 'the rights of the utility'}`);
    }
    if (id === undefined) return method === 'POST' ? this.#post(name, request.body) : this.#page(name, request.query);
    const stored = this.store.read(name, id);
    if (!stored) return problem(404, `${name} has no ${id}`);
    if (method === 'PUT') return { status: 200, body: this.store.update(name, id, request.body) };
    if (method === 'DELETE') return { status: 200, body: this.store.remove(name, id) };
    return { status: 200, body: stored };
  }

  #notifiers(): Exclude<VtnFault, string> {
    const { mqtt } = this.#options;
    const offered = mqtt && { URIS: [mqtt.uri], serialization: 'JSON', authentication: { method: 'ANONYMOUS' } };
    return { status: 200, body: { WEBHOOK: true, ...(offered && { MQTT: offered }) } };
  }

  async #post(name: Collection, body: Json): Promise<Exclude<VtnFault, string>> {
    const missing = this.store.missingField(name, body);
    if (missing !== undefined) return problem(400, `${missing} is required`);
    if (this.store.isTaken(name, body)) return problem(409, 'the name is taken');
    if (name === 'subscriptions' && !(await this.#push.echoes(body))) return problem(400, 'the callback does not echo');
    return { status: 201, body: this.store.create(name, { ...body, clientID: this.#options.clientId }) };
  }

  /** A targeted object is seen by who names a target that the utility granted them. */
  #page(name: Collection, query: URLSearchParams): Exclude<VtnFault, string> {
    const granted = this.store.grantedTargets();
    const named = query.getAll('targets').filter((target) => granted.has(target));
    const isTargeted = name === 'programs' || name === 'events';
    const found = this.store.list(name).filter((stored) => {
      const targets: unknown = stored['targets'];
      if (
        isTargeted &&
        Array.isArray(targets) &&
        targets.length > 0 &&
        !named.some((target) => targets.includes(target))
      )
        return false;
      return FILTERS.every((filter) => !query.has(filter) || stored[filter] === query.get(filter));
    });
    const skip = Number(query.get('skip') ?? 0);
    const limit = Math.min(MAX_PER_PAGE, Number(query.get('limit') ?? MAX_PER_PAGE));
    return { status: 200, body: found.slice(skip, skip + limit) };
  }
}

function mqttTopics(path: string): Exclude<VtnFault, string> {
  const objects = path.split('/').at(-1);
  const topics = { CREATE: `${objects}/create`, UPDATE: `${objects}/update`, DELETE: `${objects}/delete` };
  return { status: 200, body: { topics } };
}

function problem(status: number, detail: string): Exclude<VtnFault, string> {
  return { status, body: { title: 'refused', status, detail } };
}
