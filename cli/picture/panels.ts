import type { SlotAxis } from '../../scheduler/time.ts';
import type { Load } from './loads.ts';
import { scale, tickText, type Scale } from './scale.ts';
import { element, label, pathOf, type Point } from './svg.ts';
import { slotX, type Frame } from './timeAxis.ts';

export interface Line {
  readonly name: string;
  readonly values: ArrayLike<number>;
  readonly style: string;
}

/** Step lines over the slots, on one scale. */
export function stepLines(axis: SlotAxis, frame: Frame, y: Scale, lines: readonly Line[]): string {
  return lines
    .map(({ values, style }) =>
      element('path', { d: pathOf(steps(axis, frame, (slot) => y.at(values[slot] ?? 0))), class: style }),
    )
    .join('');
}

/** Ticks and horizontal lines of a scale, on the left or right edge. */
export function valueAxis(frame: Frame, y: Scale, side: 'left' | 'right'): string {
  const isLeft = side === 'left';
  const x = isLeft ? frame.left - 7 : frame.right + 7;
  return y.ticks
    .map((tick) => {
      const at = y.at(tick);
      const line = isLeft
        ? element('line', { x1: frame.left, x2: frame.right, y1: at, y2: at, class: tick === 0 ? 'zero' : 'grid' })
        : '';
      return line + label(tickText(tick), x, at + 3.5, { class: 'tick', 'text-anchor': isLeft ? 'end' : 'start' });
    })
    .join('');
}

/** A limit this many times the load is left off the scale, since the load would lie flat at the bottom. */
const LIMIT_ON_SCALE = 1.7;
const BINDING_SHARE = 0.999;

/** Houses, charge and compute on top of each other, below the limit; slots in which the limit binds are marked. */
export function loadPanel(axis: SlotAxis, frame: Frame, load: Load, tickCount: number): string {
  const { houseKw, chargeKw, computeKw, limitKw } = load;
  const slots = Array.from({ length: axis.count }, (_, slot) => slot);
  const charged = slots.map((slot) => (houseKw[slot] ?? 0) + (chargeKw[slot] ?? 0));
  const all = slots.map((slot) => (charged[slot] ?? 0) + (computeKw[slot] ?? 0));
  const highestLoad = Math.max(0.1, ...all);
  const lowestLimit = Math.min(...limitKw);
  const highestLimit = Math.max(...limitKw);
  const limitFits = lowestLimit <= highestLoad * LIMIT_ON_SCALE;
  const high = 1.06 * Math.max(highestLoad, limitFits ? Math.min(highestLimit, highestLoad * LIMIT_ON_SCALE) : 0);
  const y = scale(0, high, frame.bottom, frame.top, tickCount);
  const onScale = (kw: number): number => y.at(Math.min(kw, y.high));
  const binding = slots.filter((slot) => {
    const car = (chargeKw[slot] ?? 0) + (computeKw[slot] ?? 0);
    return car > 0 && (all[slot] ?? 0) >= BINDING_SHARE * (limitKw[slot] ?? Infinity);
  });
  const parts = [
    valueAxis(frame, y, 'left'),
    area(axis, frame, y, houseKw, () => 0, 'house'),
    area(axis, frame, y, charged, (slot) => houseKw[slot] ?? 0, 'charge'),
    area(axis, frame, y, all, (slot) => charged[slot] ?? 0, 'compute'),
    ...binding.map((slot) => {
      const x = slotX(axis, frame, slot);
      const width = slotX(axis, frame, slot + 1) - x;
      return element('rect', { x, y: frame.top - 4, width, height: 4, class: 'binding' });
    }),
  ];
  if (limitFits) {
    parts.push(
      element('path', { d: pathOf(steps(axis, frame, (slot) => onScale(limitKw[slot] ?? 0))), class: 'limit' }),
    );
  } else {
    const words = `limit ${tickText(Math.round(lowestLimit))} kW or more, above this scale`;
    parts.push(label(words, frame.right - 4, frame.top + 11, { class: 'note', 'text-anchor': 'end' }));
  }
  return parts.join('');
}

/** One row per load, coloured by how much of its limit is used in each slot. */
export function loadMap(axis: SlotAxis, frame: Frame, loads: readonly Load[]): string {
  const height = (frame.bottom - frame.top) / Math.max(1, loads.length);
  return loads
    .map((load, row) => {
      const y = frame.top + row * height;
      const cells: string[] = [
        label(load.name, frame.left - 7, y + height / 2 + 3, { class: 'row', 'text-anchor': 'end' }),
      ];
      for (let slot = 0; slot < axis.count; slot++) {
        const share = usedShare(load, slot);
        const x = slotX(axis, frame, slot);
        const width = slotX(axis, frame, slot + 1) - x + 0.3;
        cells.push(element('rect', { x, y, width, height: height - 1, fill: shareColor(share) }));
      }
      return cells.join('');
    })
    .join('');
}

export function usedShare({ houseKw, chargeKw, computeKw, limitKw }: Load, slot: number): number {
  const usedKw = (houseKw[slot] ?? 0) + (chargeKw[slot] ?? 0) + (computeKw[slot] ?? 0);
  const limit = limitKw[slot] ?? 0;
  if (limit <= 0) return usedKw > 0 ? 1 : 0;
  return usedKw / limit;
}

/** Pale to deep blue up to the limit, red at it. */
export function shareColor(share: number): string {
  if (share >= BINDING_SHARE) return '#c2413b';
  const part = Math.max(0, Math.min(1, share));
  const mix = (from: number, to: number): number => Math.round(from + (to - from) * part);
  return `rgb(${mix(244, 26)},${mix(247, 84)},${mix(250, 138)})`;
}

function area(
  axis: SlotAxis,
  frame: Frame,
  y: Scale,
  upper: ArrayLike<number>,
  lower: (slot: number) => number,
  style: string,
): string {
  const points = [
    ...steps(axis, frame, (slot) => y.at(upper[slot] ?? 0)),
    ...steps(axis, frame, (slot) => y.at(lower(slot))).toReversed(),
  ];
  return element('path', { d: `${pathOf(points)}Z`, class: style });
}

function steps(axis: SlotAxis, frame: Frame, yOf: (slot: number) => number): Point[] {
  const points: Point[] = [];
  for (let slot = 0; slot < axis.count; slot++) {
    const y = yOf(slot);
    points.push({ x: slotX(axis, frame, slot), y }, { x: slotX(axis, frame, slot + 1), y });
  }
  return points;
}
