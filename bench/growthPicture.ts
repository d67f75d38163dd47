import { element, label, pathOf, type Point } from '../cli/picture/svg.ts';

/** One fleet that was planned. */
export interface GrowthPoint {
  readonly cars: number;
  readonly seconds: number;
}

export interface GrowthLine {
  readonly name: string;
  readonly points: readonly GrowthPoint[];
}

const WIDTH = 640;
const HEIGHT = 400;
const PLOT = { left: 60, right: WIDTH - 190, top: 20, bottom: HEIGHT - 50 };
const CARS = { low: 1e3, high: 1e5 };
const SECONDS = { low: 0.5, high: 200 };
const COLORS = ['#1f6fb4', '#c4501b'];

/** Seconds by the clock against cars, both in powers of ten, as SVG. */
export function drawGrowth(lines: readonly GrowthLine[]): string {
  const x = (cars: number): number => between(cars, CARS, PLOT.left, PLOT.right);
  const y = (seconds: number): number => between(seconds, SECONDS, PLOT.bottom, PLOT.top);
  const grid = { stroke: '#8884', 'stroke-width': 1 };
  const parts = [
    ...[1e3, 1e4, 1e5].flatMap((cars) => [
      element('line', { x1: x(cars), x2: x(cars), y1: PLOT.top, y2: PLOT.bottom, ...grid }),
      label(cars.toLocaleString('en'), x(cars), PLOT.bottom + 18, { 'text-anchor': 'middle' }),
    ]),
    ...[1, 10, 100].flatMap((seconds) => [
      element('line', { x1: PLOT.left, x2: PLOT.right, y1: y(seconds), y2: y(seconds), ...grid }),
      label(`${seconds} s`, PLOT.left - 8, y(seconds) + 4, { 'text-anchor': 'end' }),
    ]),
    label('cars', (PLOT.left + PLOT.right) / 2, HEIGHT - 12, { 'text-anchor': 'middle' }),
    ...lines.flatMap(({ name, points }, index) => {
      const color = COLORS[index % COLORS.length];
      const placed: Point[] = points.map(({ cars, seconds }) => ({ x: x(cars), y: y(seconds) }));
      const last = placed.at(-1) ?? { x: 0, y: 0 };
      return [
        element('path', { d: pathOf(placed), fill: 'none', stroke: color, 'stroke-width': 2 }),
        ...placed.map((point) => element('circle', { cx: point.x, cy: point.y, r: 3.5, fill: color })),
        label(name, last.x + 10, last.y + 4, { fill: color }),
      ];
    }),
  ];
  const frame = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, fill: '#666' };
  return `${element('svg', { ...frame, 'font-family': 'sans-serif', 'font-size': 12 }, parts)}\n`;
}

/** On a logarithmic axis. */
function between(value: number, range: { low: number; high: number }, from: number, until: number): number {
  return from + (Math.log(value / range.low) / Math.log(range.high / range.low)) * (until - from);
}
