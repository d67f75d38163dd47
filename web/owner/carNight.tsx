import { useMemo } from 'preact/hooks';
import type uPlot from 'uplot';
import { Legend, LegendEntry } from '../legend.tsx';
import { AXIS_FONT, inUnit } from '../axis.ts';
import type { CarNightWire } from '../../api/wire/carNight.ts';
import { Chart, ChartTable, steps, type ChartSpec } from '../chart.tsx';
import { kw, time, withUnit } from '../format.ts';
import { useNow } from '../gridClock.ts';
import { t } from '../i18n.ts';
import { useCars, useTopic } from '../live.ts';
import { Failure } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { useAsked } from '../useAsked.ts';

/** A car's stay as asked with each plan. */
export function useCarNight(id: string) {
  const { api } = useSession();
  const plan = useTopic('plan');
  const row = useCars()?.get(id);
  return useAsked(`night ${id} ${plan?.id} ${row?.state}`, () =>
    api.get<CarNightWire>(`/fleet/v1/vehicles/${encodeURIComponent(id)}/night`),
  );
}

export function CarNight({ id }: { readonly id: string }) {
  const { answer, error } = useCarNight(id);
  return (
    <>
      <Failure error={error} />
      {answer ? <CarNightChart night={answer} /> : null}
    </>
  );
}

/** When the car charges, when it computes, and what power costs then. */
export function CarNightChart({ night }: { readonly night: CarNightWire }) {
  const { clock } = useSession();
  const nowMs = useNow(clock);
  const data = useMemo(() => dataOf(night), [night]);
  const readyBy = night.stay?.readyByMs;
  const spec = useMemo(() => specOf(night.timeZone, readyBy), [night.timeZone, readyBy]);
  return (
    <div>
      <Chart spec={spec} data={data} summary={t('night.summary')} nowSeconds={nowMs / 1000} />
      <Legend>
        <LegendEntry mark="swatch compute" text={t('load.compute')} />
        <LegendEntry mark="swatch charge" text={t('load.charge')} />
        <LegendEntry mark="line price" text={t('grid.price')} />
        {readyBy === undefined ? null : (
          <LegendEntry mark="dash limit" text={t('night.readyBy', { at: time(readyBy, night.timeZone) })} />
        )}
      </Legend>
      <ChartTable
        caption={t('night.summary')}
        head={[t('chart.time'), t('load.charge'), t('load.compute'), t('grid.price')]}
        rows={() =>
          night.intervals.map((each) => [
            time(each.startMs, night.timeZone),
            kw(chargeOf(each, night.asOfMs)),
            kw(computeOf(each, night.asOfMs)),
            withUnit(each.priceEurPerKwh === null ? null : each.priceEurPerKwh * 100, 'ct', 1),
          ])
        }
      />
    </div>
  );
}

type Interval = CarNightWire['intervals'][number];

/** As metered where the slot has ended, as planned ahead. */
export function chargeOf({ endMs, meteredChargeKw, plannedChargeKw }: Interval, nowMs: number): number | null {
  return endMs <= nowMs ? meteredChargeKw : (plannedChargeKw ?? meteredChargeKw);
}

export function computeOf({ endMs, meteredComputeKw, plannedComputeKw }: Interval, nowMs: number): number | null {
  return endMs <= nowMs ? meteredComputeKw : (plannedComputeKw ?? meteredComputeKw);
}

function dataOf({ intervals, asOfMs }: CarNightWire): uPlot.AlignedData {
  const last = intervals.at(-1);
  const xs = [...intervals.map(({ startMs }) => startMs / 1000), (last?.endMs ?? asOfMs) / 1000];
  const column = (valueOf: (each: Interval) => number | null): (number | null)[] => {
    const values = intervals.map(valueOf);
    return [...values, values.at(-1) ?? null];
  };
  const past = (each: Interval): boolean => each.endMs <= asOfMs;
  const charge = (each: Interval): number => chargeOf(each, asOfMs) ?? 0;
  const all = (each: Interval): number => charge(each) + (computeOf(each, asOfMs) ?? 0);
  return [
    xs,
    column((each) => (past(each) ? all(each) : null)),
    column((each) => (past(each) ? charge(each) : null)),
    column((each) => (past(each) ? null : all(each))),
    column((each) => (past(each) ? null : charge(each))),
    column(({ priceEurPerKwh }) => (priceEurPerKwh === null ? null : priceEurPerKwh * 100)),
  ];
}

function specOf(timeZone: string, readyByMs: number | undefined): ChartSpec {
  return {
    height: 190,
    build: (color) => {
      const area = (fill: string): uPlot.Series => ({
        ...(steps && { paths: steps }),
        width: 0,
        fill: color(fill),
        points: { show: false },
      });
      const axis = { stroke: color('muted'), font: AXIS_FONT, ticks: { show: false } };
      return {
        legend: { show: false },
        cursor: { y: false, points: { show: false } },
        padding: [10, 4, 0, 0],
        scales: {
          x: { time: false },
          y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] },
          price: { range: (_, min, max) => [Math.min(0, min), Math.max(1, max * 1.3)] },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: 26,
            space: 56,
            incrs: [900, 1800, 3600, 7200, 10_800, 14_400],
            values: (_, splits) => splits.map((seconds) => time(seconds * 1000, timeZone)),
          },
          {
            ...axis,
            size: 46,
            grid: { stroke: color('line'), width: 1 },
            values: inUnit('kW'),
          },
          {
            ...axis,
            side: 1,
            scale: 'price',
            size: 40,
            grid: { show: false },
            values: inUnit('ct'),
          },
        ],
        series: [
          {},
          area('compute'),
          area('charge'),
          area('compute-ahead'),
          area('charge-ahead'),
          {
            scale: 'price',
            ...(steps && { paths: steps }),
            stroke: color('text'),
            width: 1.25,
            points: { show: false },
          },
        ],
        hooks: {
          draw: [
            (chart) => {
              if (readyByMs === undefined) return;
              const { ctx, bbox } = chart;
              const x = Math.round(chart.valToPos(readyByMs / 1000, 'x', true));
              ctx.save();
              ctx.strokeStyle = color('text');
              ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
              ctx.beginPath();
              ctx.moveTo(x, bbox.top);
              ctx.lineTo(x, bbox.top + bbox.height);
              ctx.stroke();
              ctx.restore();
            },
          ],
        },
      };
    },
  };
}
