import { Command } from 'commander';

import { PLAN_METHODS, type Plan } from '../../scheduler/plan.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import type { CommandFactory } from '../command.ts';
import type { Terminal } from '../terminal.ts';

interface PlanOptions {
  readonly out?: string;
  readonly svg?: string;
  readonly timeZone: string;
  readonly json?: true;
}

const UNMET_SHOWN = 10;

export const planCommand: CommandFactory = (terminal, done) =>
  new Command('plan')
    .description('plan charging and compute of every car and slot; exit code 3 when something cannot be met')
    .argument('<problem>', 'planning problem, JSON (docs/planner.md)')
    .option('--out <file>', 'where the plan goes, JSON; left out: only its figures are printed')
    .option('--svg <file>', 'also draw the plan: price, carbon, limits, charge and compute')
    .option('--time-zone <zone>', 'IANA zone of the clock in the picture', 'UTC')
    .option('--json', 'print the figures as JSON')
    .action(async (problemFile: string, options: PlanOptions) => {
      const { readProblemFile } = await import('../planFiles.ts');
      const { planCell } = await import('../../scheduler/planCell.ts');
      const { writeJsonObject } = await import('../files/writeFiles.ts');
      const problem = await readProblemFile(problemFile);
      const startedMs = performance.now();
      const plan = planCell(problem);
      const planningMs = performance.now() - startedMs;
      if (options.out !== undefined) await writeJsonObject(options.out, plan);
      if (options.svg !== undefined) {
        const { drawPlan } = await import('../picture/planPicture.ts');
        const { writeTextFile } = await import('../files/writeFiles.ts');
        await writeTextFile(options.svg, drawPlan(problem, plan, options.timeZone));
      }
      const summary = summaryOf(plan, planningMs);
      terminal.out(options.json ? `${JSON.stringify(summary, null, 2)}\n` : inWords(terminal, plan, planningMs));
      done(plan.unmet.length === 0 ? EXIT_CODES.ok : EXIT_CODES.unmet);
    });

function summaryOf(plan: Plan, planningMs: number): object {
  return { method: plan.method, planningMs, figures: plan.figures, unmet: plan.unmet };
}

function inWords({ colors }: Terminal, plan: Plan, planningMs: number): string {
  const { figures, unmet } = plan;
  const lines = [
    `${colors.green('planned')} ${plan.cars.length} cars and ${plan.jobs.length} jobs over ${plan.slots.count} slots in ${seconds(planningMs)}`,
    `  cost ${figures.costEur.toFixed(2)} EUR (energy ${figures.energyCostEur.toFixed(2)} EUR), ${figures.carbonKg.toFixed(1)} kg CO2`,
    `  charge ${figures.chargeKwh.toFixed(1)} kWh, compute ${figures.computeKwh.toFixed(1)} kWh`,
    `  at most ${percent(figures.gap)} above the cheapest possible plan`,
    `  ${PLAN_METHODS[plan.method]}`,
  ];
  if (unmet.length > 0) lines.push(colors.yellow(`cannot be met: ${unmet.length}`));
  for (const { text } of unmet.slice(0, UNMET_SHOWN)) lines.push(`  ${text}`);
  if (unmet.length > UNMET_SHOWN) lines.push(`  and ${unmet.length - UNMET_SHOWN} more, in the plan`);
  return `${lines.join('\n')}\n`;
}

function seconds(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function percent(fraction: number): string {
  return `${(100 * fraction).toPrecision(2)} %`;
}
