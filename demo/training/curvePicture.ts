import { element, label, pathOf } from '../../cli/picture/svg.ts';

export interface Curve {
  readonly name: string;
  /** From the first round on. */
  readonly values: readonly number[];
}

export interface CurvePanel {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly text: (value: number) => string;
}

const WIDTH = 860;
const PANEL = { height: 300, left: 70, right: 640, top: 34, bottom: 260 };
const COLORS = ['#1f6fb4', '#c4501b', '#2e8b57', '#8a4fbf', '#666'];
const TICKS = 4;

/** Accuracies or losses by round, a panel below the other, as SVG. */
export function drawCurves(panels: readonly CurvePanel[]): string {
  const parts = panels.flatMap((panel, index) => drawPanel(panel, index * PANEL.height));
  const frame = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${WIDTH} ${panels.length * PANEL.height}` };
  return `${element('svg', { ...frame, fill: '#666', 'font-family': 'sans-serif', 'font-size': 12 }, parts)}\n`;
}

function drawPanel({ title, curves, text }: CurvePanel, down: number): string[] {
  const values = curves.flatMap((curve) => curve.values);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const rounds = Math.max(2, ...curves.map((curve) => curve.values.length));
  const x = (round: number): number => PANEL.left + ((round - 1) / (rounds - 1)) * (PANEL.right - PANEL.left);
  const y = (value: number): number =>
    down + PANEL.bottom - ((value - low) / (high - low || 1)) * (PANEL.bottom - PANEL.top);
  const ticks = Array.from({ length: TICKS + 1 }, (_, tick) => low + ((high - low) * tick) / TICKS);
  // Names beside the last points, none over another.
  const ends = curves.map((curve, index) => ({ index, name: curve.name, at: y(curve.values.at(-1) ?? low) }));
  let lowest = Number.NEGATIVE_INFINITY;
  const names = ends
    .sort((a, b) => a.at - b.at)
    .map(({ index, name, at }) => {
      lowest = Math.max(at, lowest + 15);
      return label(name, PANEL.right + 10, lowest + 4, { fill: COLORS[index % COLORS.length] });
    });
  return [
    label(title, PANEL.left, down + 20, { 'font-weight': 'bold' }),
    label('round', (PANEL.left + PANEL.right) / 2, down + PANEL.bottom + 30, { 'text-anchor': 'middle' }),
    ...ticks.flatMap((value) => [
      element('line', { x1: PANEL.left, x2: PANEL.right, y1: y(value), y2: y(value), stroke: '#8884' }),
      label(text(value), PANEL.left - 8, y(value) + 4, { 'text-anchor': 'end' }),
    ]),
    ...[1, rounds].map((round) => label(`${round}`, x(round), down + PANEL.bottom + 16, { 'text-anchor': 'middle' })),
    ...curves.map((curve, index) => {
      const points = curve.values.map((value, place) => ({ x: x(place + 1), y: y(value) }));
      const stroke = COLORS[index % COLORS.length];
      return element('path', { d: pathOf(points), fill: 'none', stroke, 'stroke-width': 2 });
    }),
    ...names,
  ];
}
