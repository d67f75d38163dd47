import { randomBytes } from 'node:crypto';
import type { Json } from './exchange.ts';
import { callbacksOf, type Collection, type Stored, type VtnStore } from './vtnStore.ts';

export type VtnPublish = (topic: string, message: string) => void;

const ANSWER_LIMIT_REAL_MS = 2_000;

/** Tells subscribers, once and without a retry: they poll anyway. */
export class VtnPush {
  readonly #store: VtnStore;
  readonly #publish: VtnPublish | undefined;
  readonly #sending = new Set<Promise<void>>();

  constructor(store: VtnStore, publish: VtnPublish | undefined) {
    this.#store = store;
    this.#publish = publish;
  }

  /** A subscriber proves that the callback is his. */
  async echoes(subscription: Json): Promise<boolean> {
    for (const { callbackUrl } of callbacksOf(subscription)) {
      const word = randomBytes(8).toString('hex');
      const answer = await fetch(`${callbackUrl}?echo=${word}`).catch(() => undefined);
      if (!answer?.ok || (await answer.text()) !== word) return false;
    }
    return true;
  }

  tell(collection: Collection, operation: 'CREATE' | 'UPDATE' | 'DELETE', object: Stored): void {
    const objectType = String(object['objectType']);
    const message = JSON.stringify({ objectType, operation, object });
    this.#publish?.(`${collection}/${operation.toLowerCase()}`, message);
    for (const subscription of this.#store.list('subscriptions')) {
      for (const { callbackUrl, bearerToken, objects } of callbacksOf(subscription)) {
        if (!objects.includes(objectType)) continue;
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${bearerToken}` };
        const signal = AbortSignal.timeout(ANSWER_LIMIT_REAL_MS);
        const sent = fetch(callbackUrl, { method: 'POST', headers, body: message, signal }).then(
          (answer) => answer.body?.cancel(),
          () => undefined,
        );
        this.#sending.add(sent);
        void sent.finally(() => this.#sending.delete(sent));
      }
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#sending);
  }
}
