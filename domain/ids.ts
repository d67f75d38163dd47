const TIME_HEX_DIGITS = 12;
const RANDOM_BYTES = 8;

/** A new id that sorts by the real time of its making, so that lists can be paged by it: `<prefix><28 hex digits>`. */
export function newId(
  prefix: 'file-' | 'batch_' | 'req_' | 'whe_' | 'key_' | 'emg_' | 'quote_' | 'run-' | 'pay-' | 'dis_' | 'train-',
  nowRealMs: number,
): string {
  const random = globalThis.crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
  const time = nowRealMs.toString(16).padStart(TIME_HEX_DIGITS, '0');
  return prefix + time + Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Real time in epoch ms at which an id of `newId` was made; undefined for what is none. */
export function idTimeMs(id: string): number | undefined {
  const [, time] = /^[a-z]+[-_]([0-9a-f]{12})[0-9a-f]{16}$/.exec(id) ?? [];
  return time === undefined ? undefined : Number.parseInt(time, 16);
}
