import type { CarTrustWire, QuarantinesWire } from '../api/wire/trust.ts';
import { clockText } from './clockText.ts';
import type { Terminal } from './terminal.ts';

const STANDINGS = {
  new: 'nothing of it has been checked yet',
  probation: 'on probation: every shard is checked',
  good: 'in good standing',
  trusted: 'trusted by the operator: its answers are measured, not judged',
  quarantine: 'in quarantine: it gets no work',
} as const satisfies Record<CarTrustWire['standing'], string>;

/** What checks of a car's answers have come to, and its quarantines. */
export function carTrustText(trust: CarTrustWire, { colors }: Terminal): string {
  const clock = clockText(trust.timeZone, 'ccc HH:mm:ss');
  const lines = [`${colors.bold(trust.displayName)}: ${STANDINGS[trust.standing]}`];
  for (const { modelFamily, hardwareClass, validInRow, checkedLines, differingLines } of trust.reputations) {
    lines.push(
      `  ${modelFamily} on ${hardwareClass}: ${validInRow} valid checks in a row, ${differingLines} of ${checkedLines} lines differed`,
    );
  }
  for (const { sinceMs, endedAtMs, reason, appeal, resolution } of trust.quarantines) {
    const until = endedAtMs === null ? '' : ` until ${clock(endedAtMs)}`;
    lines.push(`quarantine since ${clock(sinceMs)}${until}: ${reason}`);
    if (appeal !== null) lines.push(`  its owner says: ${appeal}`);
    if (resolution !== null) lines.push(`  the operator says: ${resolution}`);
  }
  if (trust.checks.length > 0) lines.push('checks, newest first:');
  for (const { atMs, jobId, shard, lines: answered, checked, differing, tokens, divergent, verdict } of trust.checks) {
    const ofTokens = tokens === 0 ? '' : ` (${divergent} of ${tokens} tokens diverge)`;
    lines.push(
      `  ${clock(atMs)}  ${verdict.padEnd(7)}  ${differing} of ${checked} differ${ofTokens}, of ${answered} answered in shard ${shard} of ${jobId}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

export function quarantinesText({ quarantines }: QuarantinesWire, { colors }: Terminal): string {
  if (quarantines.length === 0) return 'No car is in quarantine.\n';
  return quarantines
    .map(({ vehicleId, reason, appeal }) => {
      const heard = appeal === null ? '' : `\n  its owner says: ${appeal}`;
      return `${colors.bold(vehicleId)}  ${reason}${heard}\n`;
    })
    .join('');
}
