const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const satisfies readonly NodeJS.Signals[];

export interface StopSignals {
  /** Aborts at the first signal: drain and stop. */
  readonly stop: AbortSignal;
  /** Aborts at the second one: stop at once. */
  readonly force: AbortSignal;
  /** Gives the signals back to their default. */
  close(): void;
}

/** Turns Ctrl-C and its kin into abort signals. */
export function listenForStopSignals(): StopSignals {
  const stop = new AbortController();
  const force = new AbortController();
  const onSignal = (): void => (stop.signal.aborted ? force : stop).abort(new Error('asked to stop'));
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  return {
    stop: stop.signal,
    force: force.signal,
    close: () => {
      for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
    },
  };
}
