import { useMemo, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { Legend, LegendEntry } from './legend.tsx';
import { AXIS_FONT, inUnit } from './axis.ts';
import { Chart, ChartTable, shadedStretches, steps, type ChartSpec } from './chart.tsx';
import { kw, time, withUnit } from './format.ts';
import { t } from './i18n.ts';
import { loadSeries, type LoadSeries } from './loadSeries.ts';
import type { TimelineWire } from '../api/wire/timeline.ts';

type Timeline = Parameters<typeof loadSeries>[0] & Partial<Pick<TimelineWire, 'windows'>>;

interface LoadChartProps {
  readonly timeline: Timeline;
  readonly timeZone: string;
  readonly nowMs: number;
  readonly height?: number;
}

const LEFT_AXIS = 56;

/** Load, limit and plan above; price and carbon below, on the same time axis. */
export function LoadChart({ timeline, timeZone, nowMs, height = 280 }: LoadChartProps) {
  const series = useMemo(() => loadSeries(timeline), [timeline]);
  const windows = useRef<readonly { from: number; to: number }[]>([]);
  windows.current = (timeline.windows ?? []).map(({ start, end }) => ({
    from: Date.parse(start) / 1000,
    to: Date.parse(end) / 1000,
  }));
  const cursor = useMemo(() => ({ key: `load-${Math.random()}` }), []);
  const spec = useMemo(() => loadSpec(timeZone, height, () => windows.current, cursor.key), [timeZone, height, cursor]);
  const prices = useMemo(() => priceSpec(timeZone, () => windows.current, cursor.key), [timeZone, cursor]);
  const nowSeconds = nowMs / 1000;
  return (
    <div class="load-chart">
      <Chart spec={spec} data={loadData(series)} summary={summaryOf(series, nowSeconds)} nowSeconds={nowSeconds} />
      <Chart
        spec={prices}
        data={[series.xs, series.carbon, series.price]}
        summary={t('chart.priceSummary')}
        nowSeconds={nowSeconds}
      />
      <LoadLegend />
      <ChartTable
        caption={t('chart.load')}
        head={[t('chart.time'), t('load.house'), t('load.charge'), t('load.compute'), t('load.limit'), t('grid.price')]}
        rows={() =>
          series.xs
            .slice(0, -1)
            .map((x, slot) => [
              time(x * 1000, timeZone),
              kw(series.house[slot]),
              kw(series.charge[slot]),
              kw(series.compute[slot]),
              kw(series.limit[slot]),
              withUnit(series.price[slot], 'ct', 1),
            ])
        }
      />
    </div>
  );
}

function LoadLegend() {
  return (
    <Legend>
      <LegendEntry mark="swatch compute" text={t('load.compute')} />
      <LegendEntry mark="swatch charge" text={t('load.charge')} />
      <LegendEntry mark="swatch house" text={t('load.house')} />
      <LegendEntry mark="dash limit" text={t('load.limit')} />
      <LegendEntry mark="dash plan" text={t('load.planned')} />
      <LegendEntry mark="line price" text={t('grid.price')} />
      <LegendEntry mark="swatch carbon" text={t('grid.carbon')} />
      <LegendEntry mark="swatch window" text={t('load.window')} />
    </Legend>
  );
}

function loadData(series: LoadSeries): uPlot.AlignedData {
  return [
    series.xs,
    series.pastAll,
    series.pastCharge,
    series.pastHouse,
    series.aheadAll,
    series.aheadCharge,
    series.aheadHouse,
    series.limit,
    series.plannedPast,
  ];
}

function summaryOf(series: LoadSeries, nowSeconds: number): string {
  const slot = Math.max(
    0,
    series.xs.findLastIndex((x) => x <= nowSeconds),
  );
  const all = series.aheadAll[slot] ?? series.pastAll[slot] ?? null;
  const peak = Math.max(0, ...series.aheadAll.map((value) => value ?? 0));
  return t('chart.loadSummary', { now: kw(all), limit: kw(series.limit[slot]), peak: kw(peak) });
}

function timeAxis(color: (name: string) => string, timeZone: string, shown: boolean): uPlot.Axis {
  return {
    show: shown,
    stroke: color('muted'),
    font: AXIS_FONT,
    grid: { show: false },
    ticks: { stroke: color('line'), size: 4 },
    size: 26,
    space: 60,
    incrs: [900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200],
    values: (_, splits) => splits.map((seconds) => time(seconds * 1000, timeZone)),
  };
}

function loadSpec(
  timeZone: string,
  height: number,
  windows: () => readonly { from: number; to: number }[],
  key: string,
): ChartSpec {
  return {
    height,
    build: (color) => {
      const area = (label: string, fill: string): uPlot.Series => ({
        label,
        ...(steps && { paths: steps }),
        width: 0,
        fill: color(fill),
        points: { show: false },
      });
      return {
        legend: { show: false },
        cursor: { sync: { key }, y: false, points: { show: false } },
        padding: [10, 20, 6, 0],
        scales: { x: { time: false }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.06)] } },
        axes: [
          timeAxis(color, timeZone, false),
          {
            stroke: color('muted'),
            font: AXIS_FONT,
            size: LEFT_AXIS,
            grid: { stroke: color('line'), width: 1 },
            ticks: { show: false },
            values: inUnit('kW'),
          },
        ],
        series: [
          {},
          area('all', 'compute'),
          area('charge', 'charge'),
          area('house', 'house'),
          area('all ahead', 'compute-ahead'),
          area('charge ahead', 'charge-ahead'),
          area('house ahead', 'house-ahead'),
          {
            label: 'limit',
            ...(steps && { paths: steps }),
            stroke: color('text'),
            width: 1.25,
            dash: [5, 4],
            points: { show: false },
          },
          {
            label: 'planned',
            ...(steps && { paths: steps }),
            stroke: color('text'),
            width: 1,
            dash: [1.5, 2.5],
            points: { show: false },
          },
        ],
        hooks: { drawClear: [shadedStretches(windows, color('window'))] },
        plugins: [tooltip(timeZone)],
      };
    },
  };
}

function priceSpec(timeZone: string, windows: () => readonly { from: number; to: number }[], key: string): ChartSpec {
  return {
    height: 104,
    build: (color) => ({
      legend: { show: false },
      cursor: { sync: { key }, y: false, points: { show: false } },
      padding: [8, 20, 0, 0],
      scales: {
        x: { time: false },
        price: { range: (_, min, max) => [Math.min(0, min), Math.max(1, max * 1.1)] },
        carbon: { range: (_, __, max) => [0, Math.max(1, max * 1.25)] },
      },
      axes: [
        timeAxis(color, timeZone, true),
        {
          scale: 'price',
          stroke: color('muted'),
          font: AXIS_FONT,
          size: LEFT_AXIS,
          space: 28,
          grid: { stroke: color('line'), width: 1 },
          ticks: { show: false },
          values: inUnit('ct'),
        },
      ],
      series: [
        {},
        { scale: 'carbon', ...(steps && { paths: steps }), width: 0, fill: color('carbon'), points: { show: false } },
        { scale: 'price', ...(steps && { paths: steps }), stroke: color('text'), width: 1.5, points: { show: false } },
      ],
      hooks: { drawClear: [shadedStretches(windows, color('window'))] },
    }),
  };
}

function less(a: number | null, b: number | null): number | null {
  return a === null ? null : a - (b ?? 0);
}

/** Values under the pointer, in a corner of the chart. */
function tooltip(timeZone: string): uPlot.Plugin {
  const box = document.createElement('div');
  box.className = 'chart-tip';
  return {
    hooks: {
      init: (chart) => chart.over.append(box),
      setCursor: (chart) => {
        const index = chart.cursor.idx;
        box.hidden = index === null || index === undefined;
        if (index === null || index === undefined) return;
        const at = (series: number): number | null => chart.data[series]?.[index] ?? null;
        const [all, charge, house] = at(1) === null ? [at(4), at(5), at(6)] : [at(1), at(2), at(3)];
        box.textContent = [
          time((chart.data[0][index] ?? 0) * 1000, timeZone),
          `${t('load.compute')} ${kw(less(all, charge))}`,
          `${t('load.charge')} ${kw(less(charge, house))}`,
          `${t('load.house')} ${kw(house)}`,
          `${t('load.limit')} ${kw(at(7))}`,
        ].join('   ');
      },
    },
  };
}
