import { NightshiftError } from '../../domain/errors.ts';

/** Lets the named error pass for success, and calls any other one what it is to callers: unavailable. */
export async function reached(call: Promise<unknown>, harmless: string): Promise<void> {
  try {
    await call;
  } catch (cause) {
    if (cause instanceof Error && cause.name === harmless) return;
    throw new NightshiftError('unavailable', 'Temporal does not answer.', { cause });
  }
}
