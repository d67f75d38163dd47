import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  agentReleaseSchema,
  newReleaseKey,
  signRelease,
  trustedRelease,
  type AgentRelease,
  type ReleaseTrust,
} from '../../domain/agentReleases.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const HASH = 'a'.repeat(64);
const [maker, second, stranger] = [newReleaseKey(), newReleaseKey(), newReleaseKey()];

function release(over: Partial<AgentRelease> = {}): AgentRelease {
  return {
    product: 'nightshift-agent',
    version: 3,
    name: '0.3.0',
    expires_at: new Date(NOW_MS + 1).toISOString(),
    entry: 'dist/main.js',
    files: [{ path: 'dist/main.js', bytes: 1, sha256: HASH }],
    ...over,
  };
}
const signed = (text: string, ...keys: { privateKey: string }[]) =>
  keys.reduce((all, { privateKey }) => signRelease(all, privateKey), { signed: text, signatures: [] } as ReturnType<
    typeof signRelease
  >);
const trust = (over: Partial<ReleaseTrust> = {}): ReleaseTrust => ({
  keys: [maker.publicKey, second.publicKey],
  threshold: 1,
  highest: 2,
  nowMs: NOW_MS,
  ...over,
});

describe('a release is taken', () => {
  test('with the signature of a key that counts', () => {
    expect(trustedRelease(signed(JSON.stringify(release()), maker), trust())).toEqual(release());
  });

  test('only when as many have signed as it takes; nobody counts twice', () => {
    const text = JSON.stringify(release());
    const once = signed(text, maker);
    const twice = { ...once, signatures: [...once.signatures, ...once.signatures] };
    expect(() => trustedRelease(twice, trust({ threshold: 2 }))).toThrow(
      '1 of the keys that count have signed the release; it takes 2',
    );
    expect(() => trustedRelease(signed(text, maker, stranger), trust({ threshold: 2 }))).toThrow('1 of the keys');
    expect(trustedRelease(signed(text, maker, second), trust({ threshold: 2 })).version).toBe(3);
  });

  test('not with a stranger’s signature, nor with none', () => {
    const text = JSON.stringify(release());
    for (const given of [signed(text, stranger), { signed: text, signatures: [] }])
      expect(() => trustedRelease(given, trust())).toThrow('0 of the keys');
    // A stranger's signature under a name that counts.
    const [forged] = signed(text, stranger).signatures;
    const given = { signed: text, signatures: [{ key: maker.publicKey, signature: forged?.signature ?? '' }] };
    expect(() => trustedRelease(given, trust())).toThrow('0 of the keys');
  });

  test('not when a single character is another than was signed', () => {
    const given = signed(JSON.stringify(release()), maker);
    fc.assert(
      fc.property(fc.nat(given.signed.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        fc.pre(given.signed[at] !== character);
        const changed = `${given.signed.slice(0, at)}${character}${given.signed.slice(at + 1)}`;
        expect(() => trustedRelease({ ...given, signed: changed }, trust())).toThrow('0 of the keys');
      }),
    );
  });

  test('not when it is older than, or the same as, what was there', () => {
    const given = signed(JSON.stringify(release()), maker);
    for (const highest of [3, 4])
      expect(() => trustedRelease(given, trust({ highest }))).toThrow(`not newer than ${highest}`);
  });

  test('not when it has expired', () => {
    const given = signed(JSON.stringify(release()), maker);
    expect(() => trustedRelease(given, trust({ nowMs: NOW_MS + 1 }))).toThrow('Release 3 expired');
  });

  test('not when a path leads out of its folder, twice to one place, or the program is not among its files', () => {
    const file = { path: 'dist/main.js', bytes: 1, sha256: HASH };
    for (const path of ['../main.js', '/etc/passwd', 'a/../../b', 'a//b', './a', 'c:/x', 'a\\b', 'a\0', ''])
      expect(agentReleaseSchema.safeParse(release({ files: [file, { ...file, path }] })).success, path).toBe(false);
    expect(agentReleaseSchema.safeParse(release({ files: [file, file] })).success).toBe(false);
    expect(agentReleaseSchema.safeParse(release({ entry: 'other.js' })).success).toBe(false);
    expect(agentReleaseSchema.safeParse(release()).success).toBe(true);
  });
});
