import type { Plan } from '../../scheduler/plan.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { slotStartMs } from '../../scheduler/time.ts';
import { clockText } from '../clockText.ts';
import { feederLoads, totalLoad, type Load } from './loads.ts';
import { loadMap, loadPanel, shareColor, stepLines, usedShare, valueAxis, type Line } from './panels.ts';
import { scale } from './scale.ts';
import { element, label } from './svg.ts';
import { slotX, timeGrid, type Frame } from './timeAxis.ts';

const WIDTH = 1280;
const LEFT = 78;
const RIGHT = WIDTH - 58;
const HEADER = 92;
const SIGNALS_HEIGHT = 150;
const TOTAL_HEIGHT = 250;
const FEEDER_HEIGHT = 110;
const GAP = 62;
const COLUMN_GAP = 64;
/** Up to here each feeder has a panel of its own, above a row of a map. */
const MAX_FEEDER_PANELS = 8;
const MAX_MAP_ROWS = 40;
const MAP_ROW_HEIGHT = 15;
/** More regions than this are drawn as their mean. */
const MAX_REGION_LINES = 3;
const UNMET_SHOWN = 3;

const STYLE = `
text{font:12px system-ui,'Helvetica Neue',Arial,sans-serif;fill:#27323f}
.title{font-size:20px;font-weight:600}.panel{font-size:13px;font-weight:600}
.tick,.note,.row{fill:#66717f;font-size:11px}.row{font-size:10px}.strong{fill:#27323f;font-weight:600}.alarm{fill:#b3332d}
.grid{stroke:#e6eaee}.zero{stroke:#aab4bf}.midnight{stroke:#9aa5b1;stroke-dasharray:2 3}
.now{fill:#27323f;fill-opacity:.06}
.price0,.price1,.price2{fill:none;stroke:#1f5fa8;stroke-width:2}.price1{stroke:#5b94d6}.price2{stroke:#9dc0e8}
.carbon0,.carbon1,.carbon2{fill:none;stroke:#5b8c3e;stroke-width:1.5;stroke-dasharray:5 3}.carbon1{stroke:#8ab66f}.carbon2{stroke:#b7d6a4}
.house{fill:#d5dbe1}.charge{fill:#4f8fd0}.compute{fill:#ef9a3c}.limit{fill:none;stroke:#c2413b;stroke-width:1.6}.binding{fill:#c2413b}`;

/**
 * Draws a plan as an SVG document: price and carbon, then houses, charge and compute below the limit, for all feeders
 * together and for each. Pure: the same plan gives the same text.
 * @param timeZone IANA zone of the hours on the axis
 * @throws NightshiftError invalid_request for an unknown zone
 */
export function drawPlan(problem: PlanningProblem, plan: Plan, timeZone: string): string {
  const loads = feederLoads(problem, plan);
  const parts = [header(problem, plan, timeZone)];
  let top = HEADER;
  const unmetLines = unmetNotes(plan);
  parts.push(...unmetLines.map((text, index) => label(text, LEFT, top + 2 + index * 16, { class: 'alarm' })));
  top += unmetLines.length * 16 + 22;

  const signals = frameAt(top, SIGNALS_HEIGHT);
  parts.push(panelGround(problem, signals, timeZone), signalPanel(problem, signals));
  top = signals.bottom + GAP;

  const total = frameAt(top, TOTAL_HEIGHT);
  const all = totalLoad(loads, problem.slots.count);
  parts.push(legend(total.top - 14), panelGround(problem, total, timeZone));
  parts.push(
    label('All feeders, kW', LEFT, total.top - 14, { class: 'panel' }),
    loadPanel(problem.slots, total, all, 5),
  );
  top = total.bottom + GAP;

  const feeders = loads.length > MAX_FEEDER_PANELS ? feederMap : feederPanels;
  const drawn = loads.length > 1 ? feeders(problem, loads, top, timeZone) : { parts: [], bottom: top - GAP };
  parts.push(...drawn.parts);

  const height = drawn.bottom + 34;
  const ground = element('rect', { width: WIDTH, height, fill: '#fff' });
  return `${element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${WIDTH} ${height}`, width: WIDTH, height },
    [element('style', {}, STYLE), ground, ...parts],
  )}\n`;
}

function header(problem: PlanningProblem, plan: Plan, timeZone: string): string {
  const clock = clockText(timeZone, 'ccc d LLL yyyy HH:mm');
  const { figures } = plan;
  const span = `${clock(slotStartMs(problem.slots, 0))} to ${clock(slotStartMs(problem.slots, problem.slots.count))}`;
  const facts = [
    `${problem.cars.length} cars, ${problem.feeders.length} feeders, ${problem.jobs.length} jobs`,
    `charge ${figures.chargeKwh.toFixed(1)} kWh, compute ${figures.computeKwh.toFixed(1)} kWh`,
    `${figures.energyCostEur.toFixed(2)} EUR, ${figures.carbonKg.toFixed(1)} kg CO2`,
    `at most ${(100 * figures.gap).toPrecision(2)} % above the lower bound (${plan.method.replace('_', ' ')})`,
  ];
  return (
    label('Nightshift plan', LEFT, 40, { class: 'title' }) +
    label(`${span} ${timeZone}`, RIGHT, 40, { 'text-anchor': 'end' }) +
    label(facts.join('   ·   '), LEFT, 64)
  );
}

function unmetNotes({ unmet }: Plan): string[] {
  const notes = unmet.slice(0, UNMET_SHOWN).map(({ text }) => (text.length > 170 ? `${text.slice(0, 167)}…` : text));
  if (unmet.length > UNMET_SHOWN) notes.push(`and ${unmet.length - UNMET_SHOWN} more that cannot be met`);
  return notes;
}

function panelGround(problem: PlanningProblem, frame: Frame, timeZone: string): string {
  const x = slotX(problem.slots, frame, 0);
  const width = slotX(problem.slots, frame, 1) - x;
  const committed = element('rect', { x, y: frame.top, width, height: frame.bottom - frame.top, class: 'now' });
  return committed + timeGrid(problem.slots, frame, timeZone, true);
}

function signalPanel(problem: PlanningProblem, frame: Frame): string {
  const regions = problem.regions.length > MAX_REGION_LINES ? [meanRegion(problem)] : problem.regions;
  const prices = regions.map(({ priceEurPerKwh }) => priceEurPerKwh.map((eur) => 100 * eur));
  const carbon = regions.map(({ carbonGPerKwh }) => carbonGPerKwh);
  const priceY = padded(prices.flat(), frame);
  const carbonY = padded(carbon.flat(), frame);
  const lines = (series: readonly (readonly number[])[], style: string): Line[] =>
    series.map((values, index) => ({ name: regions[index]?.id ?? '', values, style: `${style}${index}` }));
  let x = LEFT + 230;
  const names = regions.flatMap(({ id }, index) => {
    const at = x;
    x += 110 + id.length * 7;
    const sample = (dx: number, style: string): string =>
      element('line', { x1: at + dx, x2: at + dx + 22, y1: frame.top - 18, y2: frame.top - 18, class: style });
    return [sample(0, `price${index}`), sample(28, `carbon${index}`), label(id, at + 56, frame.top - 14)];
  });
  return [
    label('Price, ct/kWh (solid)', LEFT, frame.top - 14, { class: 'panel' }),
    label('Carbon, g/kWh (dashed)', RIGHT, frame.top - 14, { class: 'panel', 'text-anchor': 'end' }),
    ...names,
    valueAxis(frame, priceY, 'left'),
    valueAxis(frame, carbonY, 'right'),
    stepLines(problem.slots, frame, carbonY, lines(carbon, 'carbon')),
    stepLines(problem.slots, frame, priceY, lines(prices, 'price')),
  ].join('');
}

function meanRegion(
  problem: PlanningProblem,
): Pick<PlanningProblem['regions'][number], 'id' | 'priceEurPerKwh' | 'carbonGPerKwh'> {
  const { regions } = problem;
  const mean = (series: (region: (typeof regions)[number]) => readonly number[]): number[] =>
    Array.from(
      { length: problem.slots.count },
      (_, slot) => regions.reduce((sum, region) => sum + (series(region)[slot] ?? 0), 0) / regions.length,
    );
  return {
    id: `mean of ${regions.length} regions`,
    priceEurPerKwh: mean((region) => region.priceEurPerKwh),
    carbonGPerKwh: mean((region) => region.carbonGPerKwh),
  };
}

function padded(values: readonly number[], frame: Frame): ReturnType<typeof scale> {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const margin = Math.max(1e-6, high - low) * 0.08;
  return scale(low - margin, high + margin, frame.bottom, frame.top, 4);
}

function legend(y: number): string {
  const entries = [
    ['house', 'houses', 70],
    ['charge', 'charge', 70],
    ['compute', 'compute', 84],
    ['binding', 'import limit; bar on top where it binds', 0],
  ] as const;
  let x = LEFT + 190;
  return entries
    .map(([style, text, width]) => {
      const at = x;
      x += width + 22;
      return element('rect', { x: at, y: y - 10, width: 12, height: 12, class: style }) + label(text, at + 18, y);
    })
    .join('');
}

interface Drawn {
  readonly parts: readonly string[];
  readonly bottom: number;
}

function feederPanels(problem: PlanningProblem, loads: readonly Load[], top: number, timeZone: string): Drawn {
  const width = (RIGHT - LEFT - COLUMN_GAP) / 2;
  const parts = loads.flatMap((load, index) => {
    const left = LEFT + (index % 2) * (width + COLUMN_GAP);
    const y = top + Math.floor(index / 2) * (FEEDER_HEIGHT + GAP - 8);
    const frame = { left, right: left + width, top: y, bottom: y + FEEDER_HEIGHT };
    return [
      label(`${load.name}, kW`, left, y - 12, { class: 'panel' }),
      panelGround(problem, frame, timeZone),
      loadPanel(problem.slots, frame, load, 3),
    ];
  });
  return { parts, bottom: top + Math.ceil(loads.length / 2) * (FEEDER_HEIGHT + GAP - 8) - GAP + 8 };
}

function feederMap(problem: PlanningProblem, loads: readonly Load[], top: number, timeZone: string): Drawn {
  const ranked = loads
    .map((load) => ({ load, peak: peakShare(load), sum: shareSum(load) }))
    .sort((a, b) => b.peak - a.peak || b.sum - a.sum);
  const shown = ranked.slice(0, MAX_MAP_ROWS).map(({ load }) => load);
  const frame = frameAt(top, shown.length * MAP_ROW_HEIGHT);
  const title =
    shown.length < loads.length
      ? `Share of the limit that is used: the ${shown.length} fullest of ${loads.length} feeders`
      : `Share of the limit that is used, by feeder`;
  const swatches = [0, 0.25, 0.5, 0.75, 1].map((share, index) => {
    const x = RIGHT - 250 + index * 50;
    return (
      element('rect', { x, y: top - 24, width: 14, height: 12, fill: shareColor(share), stroke: '#c9d1d9' }) +
      label(`${100 * share} %`, x + 17, top - 14, { class: 'tick' })
    );
  });
  return {
    parts: [
      label(title, LEFT, top - 14, { class: 'panel' }),
      ...swatches,
      loadMap(problem.slots, frame, shown),
      timeGrid(problem.slots, frame, timeZone, true),
    ],
    bottom: frame.bottom,
  };
}

function peakShare(load: Load): number {
  return Math.max(...Array.from(load.limitKw.keys(), (slot) => usedShare(load, slot)));
}

function shareSum(load: Load): number {
  return load.limitKw.reduce((sum, _, slot) => sum + usedShare(load, slot), 0);
}

function frameAt(top: number, height: number): Frame {
  return { left: LEFT, right: RIGHT, top, bottom: top + height };
}
