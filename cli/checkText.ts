import type { CheckFinding } from '../domain/checks.ts';
import type { Terminal } from './terminal.ts';

/** What was looked at, one line each; what is wrong with how to mend it. */
export function checkText(findings: readonly CheckFinding[], { colors }: Terminal): string {
  const width = Math.max(...findings.map(({ what }) => what.length));
  const lines = findings.flatMap(({ what, ok, found, mend }) => [
    `${ok ? colors.green('ok    ') : colors.red('wrong ')} ${what.padEnd(width)}  ${found}`,
    ...(mend === undefined ? [] : [`${' '.repeat(width + 9)}${colors.yellow(mend)}`]),
  ]);
  return `${lines.join('\n')}\n`;
}
