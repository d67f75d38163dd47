import { gridTimeMs, type Clock } from '../../../domain/clock.ts';
import type { Json } from '../../../simulator/vtn/exchange.ts';
import { Vtn } from '../../../simulator/vtn/vtn.ts';
import type { Stored } from '../../../simulator/vtn/vtnStore.ts';
import type { Stack } from './stack.ts';

const PROGRAM = 'program';
/** Long: what comes in time came by notification. */
const POLL_SECONDS = 3_600;

/** A utility's server that the stack follows for one region, notified by webhook. */
export class Utility {
  readonly id: string;
  /** What must never be seen in a log or a history. */
  readonly secret: string;
  readonly vtn: Vtn;

  private constructor(id: string, secret: string, vtn: Vtn) {
    this.id = id;
    this.secret = secret;
    this.vtn = vtn;
  }

  static async connect(stack: Stack, clock: Clock, region: string): Promise<Utility> {
    const secret = `client-secret-of-${region}`;
    const vtn = await Vtn.start({
      clientId: 'nightshift',
      clientSecret: secret,
      now: () => gridTimeMs(clock, Date.now()),
    });
    vtn.create('programs', { id: PROGRAM, programName: PROGRAM });
    const id = `utility-of-${region}`;
    const client = await stack.api();
    await client.call(`/grid/v1/connections/${id}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        vtn_url: vtn.url,
        client_id: 'nightshift',
        client_secret: secret,
        region,
        poll_seconds: POLL_SECONDS,
        callback_url: stack.apiUrl,
      }),
    });
    return new Utility(id, secret, vtn);
  }

  /** Whether the stack is subscribed, so that it hears at once. */
  get isFollowed(): boolean {
    return this.vtn.store.list('subscriptions').length > 0;
  }

  send(event: Json): Stored {
    return this.vtn.create('events', { programID: PROGRAM, priority: 1, ...event });
  }
}

/** An interval of an event: one payload, from an instant on. */
export function interval(id: number, startMs: number, minutes: number, type: string, value: number | string): Json {
  const intervalPeriod = { start: new Date(startMs).toISOString(), duration: `PT${minutes}M` };
  return { id, intervalPeriod, payloads: [{ type, values: [value] }] };
}
