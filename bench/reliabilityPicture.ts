import type { ReliabilityBin } from '../backtest/reliability.ts';
import { element, label } from '../cli/picture/svg.ts';

const SIDE = 360;
const PLOT = { low: 50, high: SIDE - 20 };
const SMALLEST_DOT = 2;
const LARGEST_DOT = 9;

function across(part: number): number {
  return PLOT.low + part * (PLOT.high - PLOT.low);
}

function up(part: number): number {
  return SIDE - across(part);
}

/** What was said against what was seen, as SVG: on the diagonal a probability can be believed. A dot's area is its questions. */
export function drawReliability(bins: readonly ReliabilityBin[]): string {
  const most = Math.max(1, ...bins.map(({ asked }) => asked));
  const parts = [
    element('line', { x1: across(0), x2: across(1), y1: up(0), y2: up(1), stroke: '#888' }),
    ...[0, 0.5, 1].flatMap((part) => [
      label(part.toFixed(1), across(part), up(0) + 18, { 'text-anchor': 'middle' }),
      label(part.toFixed(1), across(0) - 8, up(part) + 4, { 'text-anchor': 'end' }),
    ]),
    label('said: still there', across(0.5), SIDE - 8, { 'text-anchor': 'middle' }),
    label('seen', across(0) + 4, up(1) + 4, {}),
    ...bins.map(({ asked, said, seen }) =>
      element('circle', {
        cx: across(said),
        cy: up(seen),
        r: Math.max(SMALLEST_DOT, LARGEST_DOT * Math.sqrt(asked / most)),
        fill: '#1f6fb4',
      }),
    ),
  ];
  const frame = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${SIDE} ${SIDE}`, fill: '#666' };
  return `${element('svg', { ...frame, 'font-family': 'sans-serif', 'font-size': 12 }, parts)}\n`;
}
