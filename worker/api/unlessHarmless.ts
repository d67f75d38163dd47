import { NightshiftError } from '../../domain/errors.ts';

/**
 * Lets the error that is named pass for success: the workflow is there, or gone, already.
 * @throws NightshiftError `unavailable` for any other one, which is what it means to callers
 */
export async function unlessHarmless(call: Promise<unknown>, harmless: string): Promise<void> {
  try {
    await call;
  } catch (cause) {
    if (cause instanceof Error && cause.name === harmless) return;
    throw new NightshiftError('unavailable', 'Temporal does not answer.', { cause });
  }
}
