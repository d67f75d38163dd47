import type { CurvePoint } from '../simulator/detectionCurve.ts';
import type { MeasuredAnswers } from '../inference/detection/measureLiars.ts';
import { tableOf } from './table.ts';
import type { Terminal } from './terminal.ts';

export interface Detection extends Pick<MeasuredAnswers, 'noise' | 'tolerance' | 'held'> {
  readonly curves: readonly { readonly kind: string; readonly points: readonly CurvePoint[] }[];
}

/** What was measured of each kind of answer, and how many liars are caught by how many checks. */
export function detectionText({ noise, tolerance, held, curves }: Detection, { colors }: Terminal): string {
  const measured = Object.entries(held).map(([kind, lines]) => {
    const tokens = lines.reduce((sum, line) => sum + line.tokens, 0);
    const divergent = lines.reduce((sum, line) => sum + line.divergent, 0);
    const differing = lines.filter(({ differs }) => differs).length;
    const ofTokens = tokens === 0 ? ['-', '-'] : [`${tokens}`, percent(divergent / tokens)];
    return [kind, `${lines.length}`, `${differing}`, ...ofTokens];
  });
  const checks = [...new Set(curves.flatMap(({ points }) => points.map(({ checksPer1000 }) => checksPer1000)))];
  const rows = curves.flatMap(({ kind, points }) =>
    [...new Set(points.map(({ falseShare }) => falseShare))].map((share) => {
      const own = points.filter(({ falseShare }) => falseShare === share);
      return [kind, percent(share), ...own.map(pointText)];
    }),
  );
  return [
    `Honest answers were up to ${noise.numbers.toPrecision(2)} (numbers) and ${noise.logits.toPrecision(2)} (logits) apart; ` +
      `the tolerance is ${tolerance.numbers.toPrecision(2)} and ${tolerance.logits.toPrecision(2)}.\n`,
    tableOf(['answers', 'lines', 'lines that differ', 'tokens', 'divergent tokens'], measured, colors),
    'Cars caught within 1,000 lines, and their false lines until then (median), by checked lines of 1,000;',
    'of honest cars: how many were caught, and how many of 1,000 checks looked closer.\n',
    tableOf(['answers', 'false lines', ...checks.map((count) => `${count} checked`)], rows, colors),
  ].join('\n');
}

function pointText({ falseShare, caught, medianFalseLines, alarmsPer1000Checks }: CurvePoint): string {
  if (falseShare === 0) return `${percent(caught)} (${alarmsPer1000Checks.toFixed(1)})`;
  return medianFalseLines === undefined ? percent(caught) : `${percent(caught)} (${medianFalseLines})`;
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}
