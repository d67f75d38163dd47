import { NightshiftError } from '../../domain/errors.ts';

/** Names come from the file: cut, so that a message stays a message. */
export function shown(text: string): string {
  return text.slice(0, 60);
}

export function refused(why: string): NightshiftError {
  return new NightshiftError('model_refused', `The model is refused: ${why.replace(/\.$/, '')}.`, { field: 'file' });
}
