import { messageOf } from '../../../domain/thrown.ts';
import { withinTime } from '../../../domain/withinTime.ts';

/** A server that the process needs. */
export interface Dependency {
  readonly name: string;
  /** Without it, the process can do nothing that it is there for; otherwise it is told of and the process goes on. */
  readonly isVital: boolean;
  /** @throws when it does not answer */
  readonly ask: () => Promise<unknown>;
}

export interface Found {
  readonly name: string;
  readonly isVital: boolean;
  readonly isUp: boolean;
  /** Undefined while it is up. */
  readonly why?: string;
}

const ANSWER_LIMIT_REAL_MS = 2_000;
const KEPT_REAL_MS = 5_000;

/** Asks the servers at most every 5 s, all at once, each for up to 2 s: probes and scrapes come from several sides. */
export function createReadiness(dependencies: readonly Dependency[]): () => Promise<readonly Found[]> {
  let last: { readonly atMs: number; readonly found: Promise<readonly Found[]> } | undefined;
  return () => {
    if (!last || performance.now() - last.atMs >= KEPT_REAL_MS) {
      last = { atMs: performance.now(), found: Promise.all(dependencies.map(look)) };
    }
    return last.found;
  };
}

async function look({ name, isVital, ask }: Dependency): Promise<Found> {
  try {
    await withinTime(ANSWER_LIMIT_REAL_MS, ask());
    return { name, isVital, isUp: true };
  } catch (error) {
    return { name, isVital, isUp: false, why: messageOf(error) };
  }
}
