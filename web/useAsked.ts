import { useEffect, useRef, useState } from 'preact/hooks';

export interface Asked<Answer> {
  readonly answer: Answer | undefined;
  readonly error: unknown;
  /** Asks again now. */
  readonly again: () => void;
}

const LEAST_PAUSE_MS = 1_000;

/**
 * Asks when `key` changes, never twice at once and at most once a second: a plan every few seconds must not pile
 * requests up. The last answer stays while the next one is on its way.
 */
export function useAsked<Answer>(key: string, ask: () => Promise<Answer>): Asked<Answer> {
  const [answer, setAnswer] = useState<Answer>();
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  const state = useRef({ isBusy: false, isStale: false, isGone: false });
  const asking = useRef(ask);
  asking.current = ask;
  useEffect(() => {
    const current = state.current;
    const run = async (): Promise<void> => {
      if (current.isBusy) {
        current.isStale = true;
        return;
      }
      current.isBusy = true;
      try {
        const found = await asking.current();
        if (!current.isGone) {
          setAnswer(() => found);
          setError(undefined);
        }
      } catch (refused) {
        if (!current.isGone) setError(refused);
      }
      await new Promise((resolve) => setTimeout(resolve, LEAST_PAUSE_MS));
      current.isBusy = false;
      if (current.isStale && !current.isGone) {
        current.isStale = false;
        await run();
      }
    };
    void run();
  }, [key, round]);
  useEffect(() => {
    state.current.isGone = false;
    return () => {
      state.current.isGone = true;
    };
  }, []);
  return { answer, error, again: () => setRound((last) => last + 1) };
}
