import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TeslaCall {
  readonly path: string;
  readonly body: unknown;
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Tesla's Fleet API, its server for tokens and the proxy that signs, in one, as their documentation says: tokens end and
 * are good for one exchange, cars sleep, commands are refused with 200, the proxy drops headers.
 */
export class TeslaServer {
  readonly calls: TeslaCall[] = [];
  /** Answers to the next requests whose path ends so, each used once. */
  readonly next = new Map<string, Answer[]>();
  refreshToken = 'refresh-0123456789abcdef';
  accessToken = '';
  exchanges = 0;
  isAsleep = false;
  /** What the car is configured with; null: nothing. */
  telemetry: unknown = null;
  /** Cars that refuse to stream, as `skipped_vehicles` names the reason. */
  skipped: string | undefined;
  /** Told of each command that is taken, so that a car can do it. */
  onCommand: (name: string, body: Record<string, unknown>) => void = () => {};
  readonly #server: Server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      const { status, body = {}, headers = {} } = this.#answer(request, text);
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    });
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Names of the commands so far, with their bodies where they have one. */
  commands(): string[] {
    return this.calls
      .filter(({ path }) => path.includes('/command/'))
      .map(({ path, body }) => `${path.split('/').at(-1)} ${JSON.stringify(body)}`.replace(' {}', ''));
  }

  answerNext(path: string, ...answers: readonly Answer[]): void {
    this.next.set(path, [...(this.next.get(path) ?? []), ...answers]);
  }

  #answer(request: IncomingMessage, text: string): Answer {
    const path = request.url ?? '';
    if (path === '/oauth2/v3/token') return this.#exchange(new URLSearchParams(text));
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    this.calls.push({ path, body });
    if (request.headers.authorization !== `Bearer ${this.accessToken}`) {
      return { status: 401, body: { response: null, error: 'invalid bearer token' } };
    }
    const name = path.split('/').at(-1) ?? '';
    const given = this.next.get(name)?.shift();
    if (given) return given;
    if (name === 'wake_up') {
      this.isAsleep = false;
      return { status: 200, body: { response: { state: 'online' } } };
    }
    if (name === 'fleet_telemetry_config') return this.#telemetry(request.method ?? '', body);
    if (this.isAsleep) return { status: 408, body: { response: null, error: 'vehicle is offline or asleep' } };
    this.onCommand(name, body);
    return { status: 200, body: { response: { result: true, reason: '' } } };
  }

  #exchange(form: URLSearchParams): Answer {
    const isGood = form.get('grant_type') === 'refresh_token' && form.get('refresh_token') === this.refreshToken;
    if (!isGood || form.get('client_id') !== 'client') return { status: 401, body: { error: 'login_required' } };
    this.exchanges += 1;
    this.accessToken = `access-${this.exchanges}`;
    this.refreshToken = `refresh-${this.exchanges}-0123456789abcdef`;
    return {
      status: 200,
      body: {
        access_token: this.accessToken,
        refresh_token: this.refreshToken,
        expires_in: 28_800,
        token_type: 'Bearer',
      },
    };
  }

  #telemetry(method: string, body: Record<string, unknown>): Answer {
    if (method === 'GET') {
      return { status: 200, body: { response: { synced: true, config: this.telemetry, key_paired: true } } };
    }
    const vins = body['vins'] as string[];
    if (this.skipped === undefined) this.telemetry = body['config'];
    const skipped = this.skipped === undefined ? {} : { [this.skipped]: vins };
    return {
      status: 200,
      body: { response: { updated_vehicles: this.skipped === undefined ? 1 : 0, skipped_vehicles: skipped } },
    };
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
