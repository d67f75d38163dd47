import { addMask, KEY_BYTES } from './masks.ts';
import { pairSeed, signOf, type PartyKeys, type Revealed } from './party.ts';
import { joinSecret, type SecretShare } from './shamir.ts';

/** Too few parties have had their last word: the sum stays hidden. */
export class TooFewShares extends Error {
  override readonly name = 'TooFewShares';
}

/**
 * The sum of what parties have sent, masks taken off: those of their own seeds, and those that they shared with parties
 * that have sent nothing. It is all that the server comes to know.
 * @param among parties that had shared their secrets, whose masks are in the numbers
 * @param masked by party
 * @throws TooFewShares
 */
export function unmaskedSum(
  among: readonly PartyKeys[],
  masked: ReadonlyMap<string, Uint32Array>,
  revealed: readonly Revealed[],
  { threshold, round }: { readonly threshold: number; readonly round: string },
): Uint32Array {
  if (masked.size < threshold) throw new TooFewShares(`${masked.size} parties have sent numbers, not ${threshold}.`);
  const sum = new Uint32Array([...masked.values()][0]?.length ?? 0);
  for (const numbers of masked.values()) {
    if (numbers.length !== sum.length) throw new RangeError('Parties have sent lists of unequal lengths.');
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (numbers[i] ?? 0);
  }
  for (const { client } of among) {
    if (masked.has(client)) {
      addMask(
        sum,
        joined(
          client,
          threshold,
          revealed.map(({ seeds }) => seeds[client]),
        ),
        -1,
      );
      continue;
    }
    const secret = joined(
      client,
      threshold,
      revealed.map(({ maskKeys }) => maskKeys[client]),
    );
    for (const peer of among) {
      // The mask as the peer has put it into its numbers.
      if (masked.has(peer.client)) addMask(sum, pairSeed(secret, peer.maskKey, round), signOf(client, peer.client));
    }
  }
  return sum;
}

function joined(client: string, threshold: number, shares: readonly (SecretShare | undefined)[]): Uint8Array {
  const given = shares.filter((share) => share?.bytes.length === KEY_BYTES);
  const some = given.flatMap((share) => share ?? []).slice(0, threshold);
  if (some.length < threshold)
    throw new TooFewShares(`${some.length} shares of ${client} are there, not ${threshold}.`);
  return joinSecret(some);
}
