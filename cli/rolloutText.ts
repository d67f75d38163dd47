import type { RolloutsWire, RolloutWire } from '../api/wire/rollouts.ts';
import type { Terminal } from './terminal.ts';

/** Roll-outs and versions for people, a few lines each. */
export function rolloutsText({ rollouts, models }: RolloutsWire, terminal: Pick<Terminal, 'colors'>): string {
  const { bold } = terminal.colors;
  const latest = models.map(
    ({ model, latest: version, next, next_share: share, waiting }) =>
      `${bold(model)} answers with ${version}` +
      (next === null ? '' : `, with ${next} to ${percent(share)} of the tenants`) +
      (waiting.length === 0 ? '' : `; not rolled out: ${waiting.join(', ')}`),
  );
  const told = rollouts.map((rollout) => rolloutText(rollout, terminal));
  if (latest.length + told.length === 0) return 'No models are published.\n';
  return `${[...latest, ...(told.length > 0 ? ['', ...told] : [])].join('\n')}\n`;
}

export function rolloutText(rollout: RolloutWire, { colors }: Pick<Terminal, 'colors'>): string {
  const { model, version, previous_version: previous, wave, waves, cars, served_share: share } = rollout;
  const state = rollout.outcome ?? (rollout.paused ? 'paused' : rollout.phase);
  const compared = rollout.last_comparison;
  return [
    `${colors.bold(`${model} ${version}`)} in place of ${previous}: ${state}, wave ${wave} of ${waves}, ` +
      `${cars.holding} of ${cars.target} cars have it, it answers ${percent(share)} of the tenants`,
    `  ${rollout.text}`,
    ...(compared === null
      ? []
      : [
          `  ${compared.requests} requests compared: ${percent(compared.disagreement)} disagree, ` +
            `device time ${times(compared.slower)}, energy ${times(compared.energy)}, ${percent(compared.more_crashes)} more attempts fail`,
        ]),
  ].join('\n');
}

function percent(share: number | null): string {
  return share === null ? 'unknown' : `${Math.round(share * 1_000) / 10} %`;
}

function times(ratio: number | null): string {
  return ratio === null ? 'unknown' : `${ratio.toFixed(2)} ×`;
}
