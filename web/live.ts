import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import { ApiError, type Api } from './api.ts';
import { emptyLiveState, takeEvent, type LiveEvent, type LiveState } from './liveState.ts';

const RECONNECT_MS = 1_500;
type Topic = LiveEvent['name'] | 'connection';

/** Follows the stream, comes back after a break, and tells those who show a topic, at most once a frame. */
export class Live {
  readonly state: LiveState = emptyLiveState();
  /** Real time of the last sign of life; null while the stream is broken. */
  isConnected = false;
  readonly #api: Api;
  readonly #end = new AbortController();
  readonly #listeners = new Map<Topic, Set<() => void>>();
  readonly #changed = new Set<Topic>();
  #lastId: string | undefined;
  #frame = 0;

  constructor(api: Api, onRefused: (error: ApiError) => void) {
    this.#api = api;
    void this.#run(onRefused);
  }

  close(): void {
    this.#end.abort();
    cancelAnimationFrame(this.#frame);
  }

  listen(topic: Topic, listener: () => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  async #run(onRefused: (error: ApiError) => void): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        await this.#api.follow(this.#lastId, this.#end.signal, (event, id) => {
          this.#lastId = id ?? this.#lastId;
          takeEvent(this.state, event);
          this.#tell(event.name);
          this.#setConnected(true);
        });
      } catch (error) {
        if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return onRefused(error);
      }
      this.#setConnected(false);
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
    }
  }

  #setConnected(isConnected: boolean): void {
    if (this.isConnected === isConnected) return;
    this.isConnected = isConnected;
    this.#tell('connection');
  }

  #tell(topic: Topic): void {
    this.#changed.add(topic);
    // A hidden tab has no frames: what changed is told when it is looked at again.
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const changed = [...this.#changed];
      this.#changed.clear();
      for (const each of changed) for (const listener of this.#listeners.get(each) ?? []) listener();
    });
  }
}

export const LiveContext = createContext<Live | undefined>(undefined);

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error('useLive is used outside of a session');
  return live;
}

/** What the stream last told of a topic; the component is drawn again when that changes. */
export function useTopic<Name extends keyof LiveState & LiveEvent['name']>(name: Name): LiveState[Name] {
  const live = useLive();
  useChanges(live, name);
  return live.state[name];
}

export function useCars(): LiveState['cars'] {
  return useTopic('cars');
}

export function useLines(): LiveState['lines'] {
  const live = useLive();
  useChanges(live, 'line');
  return live.state.lines;
}

export function useIsConnected(): boolean {
  const live = useLive();
  useChanges(live, 'connection');
  return live.isConnected;
}

function useChanges(live: Live, topic: Topic): void {
  const [, setTick] = useState(0);
  useEffect(() => live.listen(topic, () => setTick((tick) => tick + 1)), [live, topic]);
}
