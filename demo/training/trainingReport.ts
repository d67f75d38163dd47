import type { TrainingRunWire } from '../../api/wire/training.ts';
import type { CentralPoint } from './centralTraining.ts';

export interface FinishedRun {
  readonly name: string;
  readonly model: string;
  readonly run: TrainingRunWire;
  /** In one place, after as many steps as each round. */
  readonly central: readonly CentralPoint[];
  /** The share of right answers without reading. */
  readonly guessed: number;
}

/** A table of what each run came to, beside the same steps in one place. */
export function reportText(runs: readonly FinishedRun[]): string {
  const rows = runs.map(({ name, model, run, central, guessed }) => {
    const done = run.rounds.filter(({ version }) => version !== null);
    const last = done.at(-1);
    const best = central.at(-1);
    const sum = (of: (round: (typeof done)[number]) => number): number => done.reduce((all, each) => all + of(each), 0);
    return [
      `${model}, ${name}`,
      `${done.length}/${run.plan.rounds}`,
      `${sum(({ updates }) => updates ?? 0)}/${sum(({ clients }) => clients)}`,
      `${sum(({ handovers }) => handovers)}`,
      percent(last?.test_accuracy),
      percent(best?.accuracy),
      percent(guessed),
      last?.test_loss?.toFixed(3) ?? '-',
      best?.loss.toFixed(3) ?? '-',
      ((sum(({ bytes_down: down }) => down) + sum(({ bytes_up: up }) => up)) / 1e6).toFixed(0),
      (sum(({ energy_wh: wh }) => wh) / 1000).toFixed(2),
      sum(({ gco2 }) => gco2).toFixed(0),
    ];
  });
  const head = [
    'run',
    'rounds',
    'updates',
    'handovers',
    'right',
    'in one place',
    'by guess',
    'loss',
    'in one place',
    'MB',
    'kWh',
    'gCO2',
  ];
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return [line(head), ...rows.map(line)].join('\n');
}

function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? '-' : `${(100 * share).toFixed(1)} %`;
}
