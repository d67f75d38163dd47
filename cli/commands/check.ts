import { Command } from 'commander';

import type { CheckReport } from '../../scheduler/check/checkPlan.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { numberFrom } from '../numberOption.ts';
import type { CommandFactory } from '../command.ts';
import type { Terminal } from '../terminal.ts';

interface CheckOptions {
  readonly maxGap: number;
  readonly json?: true;
}

/** Whole setpoints, least currents and few starts cost a little against the bound, which knows none of them. */
const DEFAULT_MAX_GAP = 0.05;
const FINDINGS_SHOWN = 20;

export const checkCommand: CommandFactory = (terminal, done) =>
  new Command('check')
    .description('check a plan against its problem, trusting none of its figures; exit code 1 when it is refused')
    .argument('<problem>', 'planning problem, JSON')
    .argument('<plan>', 'plan of that problem, JSON')
    .option('--max-gap <fraction>', 'most that cost may lie above the proven bound', numberFrom(0), DEFAULT_MAX_GAP)
    .option('--json', 'print JSON')
    .action(async (problemFile: string, planFile: string, { maxGap, json }: CheckOptions) => {
      const { readPlanFile, readProblemFile } = await import('../planFiles.ts');
      const { checkPlan } = await import('../../scheduler/check/checkPlan.ts');
      const report = checkPlan(await readProblemFile(problemFile), await readPlanFile(planFile));
      const isAccepted = report.ok && report.gap <= maxGap;
      terminal.out(
        json
          ? `${JSON.stringify({ accepted: isAccepted, maxGap, ...report }, null, 2)}\n`
          : inWords(terminal, report, maxGap),
      );
      done(isAccepted ? EXIT_CODES.ok : EXIT_CODES.failed);
    });

function inWords({ colors }: Terminal, report: CheckReport, maxGap: number): string {
  const { findings, costEur, penaltyEur, lowerBoundEur, gap } = report;
  const lines: string[] = [];
  if (findings.length > 0) lines.push(colors.red(`refused: ${findings.length} rules are broken`));
  else if (gap > maxGap) lines.push(colors.red(`refused: feasible, but the gap is above ${100 * maxGap} %`));
  else lines.push(colors.green('accepted: feasible, and its cost is certified'));
  for (const { rule, text } of findings.slice(0, FINDINGS_SHOWN)) lines.push(`  ${rule}: ${text}`);
  if (findings.length > FINDINGS_SHOWN) lines.push(`  and ${findings.length - FINDINGS_SHOWN} more (--json shows all)`);
  // Without the plan's shape nothing was computed.
  if (Number.isFinite(gap)) {
    lines.push(
      `cost         ${costEur.toFixed(6)} EUR`,
      `penalty      ${penaltyEur.toFixed(6)} EUR`,
      `lower bound  ${lowerBoundEur.toFixed(6)} EUR`,
      `gap          ${(100 * gap).toPrecision(3)} %`,
    );
  }
  return `${lines.join('\n')}\n`;
}
