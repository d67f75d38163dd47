import type { TrainingRoundWire, TrainingRunWire } from '../api/wire/training.ts';
import type { Terminal } from './terminal.ts';

const ROWS = 8;
const BLOCKS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** A line for a round that is done. */
export function roundText({ round, ...done }: TrainingRoundWire): string {
  const parts = [
    `round ${round}`,
    `${done.updates ?? 0}/${done.clients} updates`,
    ...(done.partial > 0 ? [`${done.partial} partial`] : []),
    `loss ${done.train_loss?.toFixed(4) ?? '-'}`,
    `test ${done.test_loss?.toFixed(4) ?? '-'}`,
    ...(done.test_accuracy === null ? [] : [`${(100 * done.test_accuracy).toFixed(1)} % right`]),
    ...(done.epsilon === null ? [] : [`epsilon ${done.epsilon.toFixed(2)}`]),
    `${megabytes(done.bytes_down)} down, ${megabytes(done.bytes_up)} up`,
    `${done.energy_wh.toFixed(1)} Wh`,
    `${done.gco2.toFixed(1)} g CO2`,
  ];
  return parts.join('  ');
}

export function runText(run: TrainingRunWire, { colors }: Pick<Terminal, 'colors'>): string {
  const done = run.rounds.filter(({ version }) => version !== null);
  return [
    `${colors.bold(run.id)}  ${run.name}  ${run.state}  round ${done.length} of ${run.plan.rounds}`,
    colors.dim(run.message),
  ].join('\n');
}

/** The losses of the rounds so far as columns, the newest at the right, and the range that they are drawn in. */
export function curveText(rounds: readonly TrainingRoundWire[], columns: number): string {
  const losses = rounds
    .flatMap(({ test_loss: loss }) => (loss === null ? [] : [loss]))
    .slice(-Math.max(1, columns - 12));
  if (losses.length === 0) return '';
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const span = high - low || 1;
  // In eighths of a row; the lowest still shows.
  const heights = losses.map((loss) => 1 + Math.round(((loss - low) / span) * (ROWS * BLOCKS.length - 1)));
  const rows = Array.from({ length: ROWS }, (_, index) => {
    const below = (ROWS - 1 - index) * BLOCKS.length;
    const bars = heights.map((height) => BLOCKS[Math.min(BLOCKS.length, height - below) - 1] ?? ' ').join('');
    const label = index === 0 ? high.toFixed(3) : index === ROWS - 1 ? low.toFixed(3) : '';
    return `${label.padStart(9)} ${bars}`;
  });
  return [...rows, `${''.padStart(9)} test loss by round`].join('\n');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
