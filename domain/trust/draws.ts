import { createHmac } from 'node:crypto';

const TWO_TO_48 = 2 ** 48;

/**
 * A number from 0 up to 1 that only the holder of the key can foretell, the same whenever it is asked for: a check that
 * is tried again looks at the same lines, and a car cannot tell which lines those are.
 */
export function drawn(key: Buffer, ...names: readonly (string | number)[]): number {
  return createHmac('sha256', key).update(JSON.stringify(names)).digest().readUIntBE(0, 6) / TWO_TO_48;
}

/** `count` of the items, or all when there are fewer, none twice, in their own order. */
export function drawnFrom<Item>(
  key: Buffer,
  items: readonly Item[],
  count: number,
  ...names: readonly (string | number)[]
): Item[] {
  const places = items.map((_, place) => place);
  const chosen = Math.min(count, items.length);
  // Fisher and Yates's shuffle, as far as it is needed.
  for (let place = 0; place < chosen; place += 1) {
    const other = place + Math.floor(drawn(key, ...names, place) * (items.length - place));
    const taken = places[other] ?? place;
    places[other] = places[place] ?? other;
    places[place] = taken;
  }
  const kept = new Set(places.slice(0, chosen));
  return items.filter((_, place) => kept.has(place));
}
