import { addMask, agreedKey, KEY_BYTES, newKeyPair, newSeed, seal, unseal } from './masks.ts';
import { splitSecret, type SecretShare } from './shamir.ts';

/**
 * Secure aggregation with drop-outs, as one of its parties takes part (Bonawitz et al. 2017, protocol 4, against a server
 * that is curious and follows it):
 *
 *     keys      each party's two public keys, made for this round
 *     shares    of its mask key and of its own seed, sealed for each party
 *     masked    its numbers + the mask of its own seed ± a mask that it shares with each party
 *     reveal    of parties that have sent their numbers: shares of their seeds; of the others: shares of their mask keys
 */
export interface PartyKeys {
  readonly client: string;
  /** Masks are agreed on by it. */
  readonly maskKey: Uint8Array;
  /** Shares are sealed by it. */
  readonly shareKey: Uint8Array;
}

/** What a party keeps to itself, from its keys to its last word in the round. */
export interface PartySecrets {
  readonly maskSecret: Uint8Array;
  readonly shareSecret: Uint8Array;
  readonly seed: Uint8Array;
}

/** Sealed shares of one party by the party that they are for; or those for one party by whose they are. */
export type SealedShares = Readonly<Record<string, Uint8Array>>;

export interface Revealed {
  /** Of the seeds of parties that have sent their numbers. */
  readonly seeds: Readonly<Record<string, SecretShare>>;
  /** Of the mask keys of parties that have not. */
  readonly maskKeys: Readonly<Record<string, SecretShare>>;
}

/** What a party must refuse, whoever asks. */
export class UnsafeRequest extends Error {
  override readonly name = 'UnsafeRequest';
}

export function newParty(client: string): { readonly keys: PartyKeys; readonly secrets: PartySecrets } {
  const [mask, share] = [newKeyPair(), newKeyPair()];
  return {
    keys: { client, maskKey: mask.public, shareKey: share.public },
    secrets: { maskSecret: mask.secret, shareSecret: share.secret, seed: newSeed() },
  };
}

/** Fewer would be a minority, of which a server could ask for one half's seeds and the other half's keys. */
export function leastThreshold(parties: number): number {
  return Math.floor(parties / 2) + 1;
}

/**
 * Shares for every party, itself included.
 * @param round names the round and nothing else
 * @throws UnsafeRequest for a threshold below a majority, or a roster that names a party twice or not this one
 */
export function sharesFor(
  secrets: PartySecrets,
  client: string,
  roster: readonly PartyKeys[],
  { threshold, round }: { readonly threshold: number; readonly round: string },
): SealedShares {
  checkRoster(roster, client);
  if (threshold < leastThreshold(roster.length) || threshold > roster.length) {
    throw new UnsafeRequest(`${threshold} of ${roster.length} parties are no majority.`);
  }
  const ofKey = splitSecret(secrets.maskSecret, roster.length, threshold);
  const ofSeed = splitSecret(secrets.seed, roster.length, threshold);
  return Object.fromEntries(
    roster.map((peer, index) => {
      const both = Buffer.concat([
        Uint8Array.of(index + 1),
        ofKey[index]?.bytes ?? new Uint8Array(),
        ofSeed[index]?.bytes ?? new Uint8Array(),
      ]);
      const key = agreedKey(secrets.shareSecret, peer.shareKey, sharesUse(round, client, peer.client));
      return [peer.client, seal(key, both)];
    }),
  );
}

/**
 * Hides numbers among those of the parties that have shared their secrets; in place.
 * @throws UnsafeRequest where that is fewer than the threshold: the sum would say too much
 */
export function maskNumbers(
  numbers: Uint32Array,
  { maskSecret, seed }: PartySecrets,
  client: string,
  among: readonly PartyKeys[],
  { threshold, round }: { readonly threshold: number; readonly round: string },
): void {
  checkRoster(among, client);
  if (among.length < threshold) throw new UnsafeRequest(`${among.length} parties are fewer than ${threshold}.`);
  addMask(numbers, seed, 1);
  for (const peer of among) {
    if (peer.client === client) continue;
    addMask(numbers, pairSeed(maskSecret, peer.maskKey, round), signOf(client, peer.client));
  }
}

/**
 * Shares that the server needs for the sum, of a party that has its say once in a round.
 * @param sealed for this party, by whose shares they are
 * @throws UnsafeRequest when too few have sent their numbers, or for both secrets of one party
 */
export function reveal(
  { shareSecret }: PartySecrets,
  client: string,
  among: readonly PartyKeys[],
  sealed: SealedShares,
  asked: { readonly survivors: readonly string[]; readonly threshold: number; readonly round: string },
): Revealed {
  const { survivors, threshold, round } = asked;
  const sent = new Set(survivors);
  const known = new Set(among.map((peer) => peer.client));
  if (sent.size < threshold) throw new UnsafeRequest(`${sent.size} parties are fewer than ${threshold}.`);
  if (survivors.some((each) => !known.has(each))) throw new UnsafeRequest('A party is named that is not in the round.');
  checkRoster(among, client);
  const seeds: Record<string, SecretShare> = {};
  const maskKeys: Record<string, SecretShare> = {};
  for (const peer of among) {
    const text = sealed[peer.client];
    if (!text) continue;
    const key = agreedKey(shareSecret, peer.shareKey, sharesUse(round, peer.client, client));
    // The place among the shares, then the two.
    const both = unseal(key, text);
    const x = both[0] ?? 0;
    if (sent.has(peer.client)) seeds[peer.client] = { x, bytes: both.slice(1 + KEY_BYTES) };
    else maskKeys[peer.client] = { x, bytes: both.slice(1, 1 + KEY_BYTES) };
  }
  return { seeds, maskKeys };
}

/** The mask that two parties share in a round. */
export function pairSeed(maskSecret: Uint8Array, peerMaskKey: Uint8Array, round: string): Uint8Array {
  return agreedKey(maskSecret, peerMaskKey, `nightshift/mask/${round}`);
}

/** One of the two adds the mask and the other one takes it off. */
export function signOf(client: string, peer: string): 1 | -1 {
  return client < peer ? 1 : -1;
}

function sharesUse(round: string, from: string, to: string): string {
  return `nightshift/shares/${round}/${from}/${to}`;
}

function checkRoster(roster: readonly PartyKeys[], client: string): void {
  const names = new Set(roster.map((peer) => peer.client));
  if (names.size < roster.length) throw new UnsafeRequest('A party is named twice.');
  if (!names.has(client)) throw new UnsafeRequest('The round goes on without this party.');
}
