import { messageOf } from './thrown.ts';

/** One thing that `nightshift doctor` or `nightshift agent check` has looked at. */
export interface CheckFinding {
  readonly what: string;
  readonly ok: boolean;
  /** What is there, or what is wrong. */
  readonly found: string;
  /** How to mend it. */
  readonly mend?: string;
}

/** Looks at one thing: what `look` throws is what is wrong. */
export async function checked(what: string, mend: string, look: () => Promise<string>): Promise<CheckFinding> {
  try {
    return { what, ok: true, found: await look() };
  } catch (error) {
    return { what, ok: false, found: messageOf(error), mend };
  }
}
