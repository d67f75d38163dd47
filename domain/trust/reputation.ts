import type { CheckPolicy } from './checkPolicy.ts';

/** What a car's checks in one model family have come to, with one class of computer. */
export interface Reputation {
  /** Checks without a difference since the last one with any. */
  readonly validInRow: number;
  readonly checkedLines: number;
  readonly differingLines: number;
  /** For each of FALSE_SHARES, how much likelier than an honest car's the last answers are; natural logarithms. */
  readonly suspicion: readonly number[];
  /** As `suspicion`, of the tokens of generated text; undefined of cars that have generated none. */
  readonly tokenSuspicion?: readonly number[];
}

export type Verdict =
  /** Nothing differs, and no more tokens diverge than may on honest hardware. */
  | 'valid'
  /** Something differs, as it may on honest hardware: the car is on probation again. */
  | 'suspect'
  /** No honest car answers like that. */
  | 'guilty';

/** Checks in a row without a difference that end the probation, as in BOINC's adaptive replication. */
export const PROBATION_CHECKS = 10;

/** Shares of false answers that suspicion is counted for: from one in two hundred to nearly all. */
const FALSE_SHARES = [0.005, 0.05, 0.3, 0.9] as const;

/**
 * Suspicion from which a car is guilty. An honest car comes this far in less than one of 10^9 checked lines: each line
 * may begin a run of bad luck, and one of exp(20.7) runs is that bad (Lorden 1971, on Page's test).
 */
const GUILTY_FROM = Math.log(1e9);

/** Shares of divergent tokens that suspicion is counted for: from a variant close to the model to another one. */
const FALSE_TOKEN_SHARES = [0.01, 0.04, 0.15, 0.5] as const;

/**
 * Share of an honest car's tokens that are farther off than the tolerance, at most: where the tolerance was measured,
 * hardly any are.
 */
const HONEST_DIVERGENCE = 0.001;

/** As `GUILTY_FROM`, of tokens, of which a fleet has a thousand times as many as lines. */
const GUILTY_TOKENS_FROM = Math.log(1e12);
/** From here on, tokens are reason enough to look closer. */
const SUSPECT_TOKENS_FROM = Math.log(1e4);

export const NEW_REPUTATION: Reputation = {
  validInRow: 0,
  checkedLines: 0,
  differingLines: 0,
  suspicion: FALSE_SHARES.map(() => 0),
};

/** On probation again, as after a difference: for what is no answer, e.g. energy that its meter does not show. */
export function doubted(reputation: Reputation): Reputation {
  return { ...reputation, validInRow: 0 };
}

export function isOnProbation({ validInRow }: Pick<Reputation, 'validInRow'>): boolean {
  return validInRow < PROBATION_CHECKS;
}

/** How likely the car's next shard is checked: always on probation, then 1 / n after n valid checks, and never less than the policy's. */
export function checkProbability(
  reputation: Pick<Reputation, 'validInRow'>,
  { enabled, min_probability }: Pick<CheckPolicy, 'enabled' | 'min_probability'>,
): number {
  if (!enabled) return 0;
  return isOnProbation(reputation) ? 1 : Math.max(1 / reputation.validInRow, min_probability);
}

/** Lines of a car that were held against trusted answers, and how many of them differ beyond the tolerance. */
export interface Compared {
  readonly checked: number;
  readonly differing: number;
  /** Of generated text. */
  readonly tokens?: number;
  readonly divergent?: number;
}

/** Page's test for each share: how much likelier than an honest car's these are, with what was seen before. */
function suspicionOf(
  before: readonly number[] | undefined,
  seen: { readonly all: number; readonly differing: number },
  shares: readonly number[],
  honest: number,
): number[] {
  return shares.map((share, index) => {
    // A policy may expect more differences of honest cars than the smallest share.
    if (share <= honest) return 0;
    const differs = Math.log(share / honest);
    const agrees = Math.log((1 - share) / (1 - honest));
    return Math.max(0, (before?.[index] ?? 0) + seen.differing * differs + (seen.all - seen.differing) * agrees);
  });
}

function withEvidence(
  reputation: Reputation,
  { checked, differing, tokens = 0, divergent = 0 }: Compared,
  { honest_difference }: Pick<CheckPolicy, 'honest_difference'>,
): Reputation {
  const lines = { all: checked, differing };
  const read = { all: tokens, differing: divergent };
  return {
    ...reputation,
    checkedLines: reputation.checkedLines + checked,
    differingLines: reputation.differingLines + differing,
    suspicion: suspicionOf(reputation.suspicion, lines, FALSE_SHARES, honest_difference),
    ...(tokens > 0 && {
      tokenSuspicion: suspicionOf(reputation.tokenSuspicion, read, FALSE_TOKEN_SHARES, HONEST_DIVERGENCE),
    }),
  };
}

/** Counts what a check has found, and judges the car by it and by what was found before. */
export function judged(
  before: Reputation,
  found: Compared,
  policy: Pick<CheckPolicy, 'honest_difference'>,
): { readonly reputation: Reputation; readonly verdict: Verdict } {
  const reputation = withEvidence(before, found, policy);
  const ofTokens = Math.max(0, ...(reputation.tokenSuspicion ?? []));
  if (found.differing === 0 && ofTokens < SUSPECT_TOKENS_FROM) {
    return { reputation: { ...reputation, validInRow: reputation.validInRow + 1 }, verdict: 'valid' };
  }
  const isGuilty = Math.max(...reputation.suspicion) >= GUILTY_FROM || ofTokens >= GUILTY_TOKENS_FROM;
  return { reputation: { ...reputation, validInRow: 0 }, verdict: isGuilty ? 'guilty' : 'suspect' };
}
