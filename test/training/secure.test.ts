import { createHash, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';

import { fixedPointFor, fromFixedPoint, toFixedPoint } from '../../training/secure/fixedPoint.ts';
import { addMask, agreedKey, newKeyPair } from '../../training/secure/masks.ts';
import {
  leastThreshold,
  maskNumbers,
  newParty,
  reveal,
  sharesFor,
  UnsafeRequest,
  type SealedShares,
} from '../../training/secure/party.ts';
import { joinSecret, splitSecret } from '../../training/secure/shamir.ts';
import { TooFewShares, unmaskedSum } from '../../training/secure/unmask.ts';

const ROUND = 'train-1/1/3';

/** A round among parties of which some share their secrets and send nothing, and some say nothing in the end. */
function roundAmong(updates: readonly Float32Array[], drops: ReadonlySet<number>, silent: ReadonlySet<number>) {
  const parties = updates.map((update, index) => ({ ...newParty(`car-${index}`), update, index }));
  const roster = parties.map(({ keys }) => keys);
  const threshold = leastThreshold(parties.length);
  const asked = { threshold, round: ROUND };
  const sealed = new Map(
    parties.map(({ keys, secrets }) => [keys.client, sharesFor(secrets, keys.client, roster, asked)]),
  );
  const point = fixedPointFor(1, parties.length);
  const masked = new Map<string, Uint32Array>();
  for (const { keys, secrets, update, index } of parties) {
    if (drops.has(index)) continue;
    const numbers = toFixedPoint(update, point);
    maskNumbers(numbers, secrets, keys.client, roster, asked);
    masked.set(keys.client, numbers);
  }
  const survivors = [...masked.keys()];
  const revealed = parties
    .filter(({ index }) => !drops.has(index) && !silent.has(index))
    .map(({ keys, secrets }) => {
      const own: SealedShares = Object.fromEntries(
        [...sealed].flatMap(([from, shares]) => {
          const text = shares[keys.client];
          return text ? [[from, text]] : [];
        }),
      );
      return reveal(secrets, keys.client, roster, own, { ...asked, survivors });
    });
  return { roster, asked, masked, revealed, point, parties };
}

const updatesOf = (count: number, length: number): Float32Array[] =>
  Array.from({ length: count }, (_, party) =>
    Float32Array.from({ length }, (__, place) => Math.sin(1 + party * 31 + place * 7)),
  );

const sumOf = (updates: readonly Float32Array[], left: (party: number) => boolean): number[] =>
  Array.from(updates[0] ?? [], (_, place) =>
    updates.reduce((sum, update, party) => (left(party) ? sum + (update[place] ?? 0) : sum), 0),
  );

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

/** How far counts are from all being the same. */
function chiSquareOf(values: readonly number[], bins: number): number {
  const counts = new Uint32Array(bins);
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  const expected = values.length / bins;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

test('any threshold of the shares give a secret back, and fewer do not', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 8, maxLength: 40 }),
      fc.integer({ min: 2, max: 9 }),
      fc.nat(),
      (secret, count, pick) => {
        const threshold = 2 + (pick % (count - 1));
        const shares = splitSecret(secret, count, threshold);
        const some = shares.toSorted((a, b) => ((a.x * 7 + pick) % 11) - ((b.x * 7 + pick) % 11));
        expect(joinSecret(some.slice(0, threshold))).toEqual(secret);
        expect(joinSecret(some.slice(0, threshold - 1))).not.toEqual(secret);
      },
    ),
  );
});

test('one share fewer than the threshold is as likely with one secret as with another', () => {
  // Of 2 shares, the first alone: over many splits, each value of its byte comes about as often, whatever the secret.
  for (const secret of [0, 255]) {
    const firstBytes = Array.from({ length: 12_800 }, () => splitSecret(Uint8Array.of(secret), 2, 2)[0]?.bytes[0] ?? 0);
    // 255 degrees of freedom: above 400 once in a hundred million.
    expect(chiSquareOf(firstBytes, 256)).toBeLessThan(400);
  }
});

test('keys are agreed on as RFC 7748 says', () => {
  const alice = hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
  const bob = hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
  const alicePublic = hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
  const bobPublic = hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
  const published = hex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
  const key = new Uint8Array(hkdfSync('sha256', published, Buffer.alloc(0), 'a', 32));
  expect(agreedKey(alice, bobPublic, 'a')).toEqual(key);
  expect(agreedKey(bob, alicePublic, 'a')).toEqual(key);
  expect(agreedKey(alice, bobPublic, 'a')).not.toEqual(agreedKey(alice, bobPublic, 'b'));
});

test('masks cancel: the server sees the sum', () => {
  const updates = updatesOf(5, 40);
  const { roster, asked, masked, revealed, point } = roundAmong(updates, new Set(), new Set());
  const sum = fromFixedPoint(unmaskedSum(roster, masked, revealed, asked), point);
  for (const [place, expected] of sumOf(updates, () => true).entries()) expect(sum[place]).toBeCloseTo(expected, 6);
});

test('parties that vanish after they shared their secrets are left out of the sum, and others may fall silent', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 8 }), fc.nat(), fc.nat(), (count, a, b) => {
      const most = count - leastThreshold(count);
      const dropped = new Set(Array.from({ length: a % (most + 1) }, (_, place) => (place + b) % count));
      const silent = new Set(
        Array.from({ length: most - dropped.size }, (_, place) => (place + b + dropped.size) % count),
      );
      const updates = updatesOf(count, 9);
      const { roster, asked, masked, revealed, point } = roundAmong(updates, dropped, silent);
      const sum = fromFixedPoint(unmaskedSum(roster, masked, revealed, asked), point);
      for (const [place, expected] of sumOf(updates, (party) => !dropped.has(party)).entries()) {
        expect(sum[place]).toBeCloseTo(expected, 5);
      }
    }),
    { numRuns: 10 },
  );
});

test('what one party sends says nothing of its update', () => {
  // The same update, masked anew: as far apart as two lists by chance, and each number anywhere.
  const update = new Float32Array(20_000).fill(0.25);
  const [one, other] = [1, 2].map(
    () => [...roundAmong([update, update, update], new Set(), new Set()).masked.values()][0],
  );
  expect(Buffer.from(one?.buffer ?? new ArrayBuffer(0))).not.toEqual(Buffer.from(other?.buffer ?? new ArrayBuffer(0)));
  const highest = Array.from(one ?? [], (number) => number >>> 28);
  expect(chiSquareOf(highest, 16)).toBeLessThan(60);
});

test('the server, with all that it is given, cannot take a survivor apart from the sum', () => {
  const updates = updatesOf(4, 12);
  const { roster, asked, masked, revealed, point } = roundAmong(updates, new Set([3]), new Set());
  // As if one more had vanished: its mask key was never shared out, since its numbers came.
  const [first, ...others] = [...masked];
  expect(() => unmaskedSum(roster, new Map(others), revealed, asked)).toThrow(TooFewShares);
  // Its own seed alone leaves the masks that it shares with the others.
  const alone = new Uint32Array(first?.[1] ?? []);
  const seed = joinSecret(revealed.flatMap(({ seeds }) => seeds[first?.[0] ?? ''] ?? []).slice(0, asked.threshold));
  addMask(alone, seed, -1);
  const found = fromFixedPoint(alone, point);
  expect(found.filter((value, place) => Math.abs(value - (updates[0]?.[place] ?? 0)) < 1e-3).length).toBeLessThan(2);
});

test('a party refuses what would give one of them away', () => {
  const parties = [0, 1, 2, 3].map((index) => newParty(`car-${index}`));
  const roster = parties.map(({ keys }) => keys);
  const [me] = parties;
  if (!me) throw new Error('nobody');
  const ask = { threshold: 3, round: ROUND };
  expect(() => sharesFor(me.secrets, 'car-0', roster, { ...ask, threshold: 2 })).toThrow(UnsafeRequest);
  expect(() => sharesFor(me.secrets, 'car-0', [...roster, ...roster], ask)).toThrow(UnsafeRequest);
  expect(() => sharesFor(me.secrets, 'car-9', roster, ask)).toThrow(UnsafeRequest);
  expect(() => maskNumbers(new Uint32Array(3), me.secrets, 'car-0', roster.slice(0, 2), ask)).toThrow(UnsafeRequest);
  const asked = { ...ask, survivors: ['car-0', 'car-1'] };
  expect(() => reveal(me.secrets, 'car-0', roster, {}, asked)).toThrow(UnsafeRequest);
  expect(() => reveal(me.secrets, 'car-0', roster, {}, { ...ask, survivors: ['car-0', 'car-1', 'spy'] })).toThrow(
    UnsafeRequest,
  );
});

test('shares that were sealed for another party, or changed on the way, are refused', () => {
  const parties = [0, 1, 2].map((index) => newParty(`car-${index}`));
  const roster = parties.map(({ keys }) => keys);
  const [a, b] = parties;
  if (!a || !b) throw new Error('nobody');
  const ask = { threshold: 2, round: ROUND };
  const shares = sharesFor(a.secrets, 'car-0', roster, ask);
  const forAnother = { 'car-0': shares['car-2'] ?? new Uint8Array() };
  const asked = { ...ask, survivors: ['car-0', 'car-1'] };
  expect(() => reveal(b.secrets, 'car-1', roster, forAnother, asked)).toThrow();
  const changed = Uint8Array.from(shares['car-1'] ?? [], (byte, place) => (place === 20 ? byte ^ 1 : byte));
  expect(() => reveal(b.secrets, 'car-1', roster, { 'car-0': changed }, asked)).toThrow();
});

test('sums of numbers at the ends of the range do not wrap around', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.double({ min: 1e-6, max: 1e6, noNaN: true }), (count, range) => {
      const point = fixedPointFor(range, count);
      for (const end of [range, -range, 2 * range]) {
        const sum = new Uint32Array(1);
        for (let party = 0; party < count; party++)
          sum[0] = (sum[0] ?? 0) + (toFixedPoint(Float32Array.of(end), point)[0] ?? 0);
        const expected = count * Math.max(-range, Math.min(range, end));
        expect((fromFixedPoint(sum, point)[0] ?? 0) / expected).toBeCloseTo(1, 4);
      }
    }),
  );
});

test('a mask is AES-256 in counter mode', () => {
  // NIST SP 800-38A has other counters; of the zero key, the first block is AES-256's encryption of zeros.
  const numbers = new Uint32Array(4);
  addMask(numbers, new Uint8Array(32), 1);
  expect(Buffer.from(numbers.buffer).toString('hex')).toBe('dc95c078a2408989ad48a21492842087');
  addMask(numbers, new Uint8Array(32), -1);
  expect([...numbers]).toEqual([0, 0, 0, 0]);
});

test('every party has keys of its own', () => {
  const prints = [newKeyPair(), newKeyPair()].map(({ public: bytes }) =>
    createHash('sha256').update(bytes).digest('hex'),
  );
  expect(prints[0]).not.toBe(prints[1]);
});
