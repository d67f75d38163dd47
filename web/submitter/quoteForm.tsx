import { useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { Legend, LegendEntry } from '../legend.tsx';
import { AXIS_FONT, inUnit } from '../axis.ts';
import type { QuoteCurveWire } from '../../api/wire/quote.ts';
import { Chart, ChartTable, type ChartSpec } from '../chart.tsx';
import { co2, dayAndTime, duration, eur } from '../format.ts';
import { t } from '../i18n.ts';
import { Failure, Panel } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { useAsked } from '../useAsked.ts';

interface ModelList {
  readonly data: readonly { readonly id: string }[];
}

/** What a batch would cost and emit, by how long it may take. */
export function QuoteForm() {
  const { api } = useSession();
  const models = useAsked('models', () => api.get<ModelList>('/v1/models'));
  const [model, setModel] = useState('');
  const [requests, setRequests] = useState(1_000);
  const [curve, setCurve] = useState<QuoteCurveWire>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const chosen = model || (models.answer?.data[0]?.id ?? '');
  const ask = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      setCurve(await api.json<QuoteCurveWire>('POST', '/v1/batches/quote/curve', { model: chosen, requests }));
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Panel title={t('quote.title')} class="quote">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <div class="fields">
          <label>
            {t('quote.model')}
            <select value={chosen} onChange={(event) => setModel(event.currentTarget.value)}>
              {(models.answer?.data ?? []).map(({ id }) => (
                <option key={id}>{id}</option>
              ))}
            </select>
          </label>
          <label>
            {t('quote.requests')}
            <input
              type="number"
              min={1}
              max={50_000}
              required
              value={requests}
              onInput={(event) => setRequests(Number(event.currentTarget.value))}
            />
          </label>
          <button type="submit" class="primary" disabled={isBusy || chosen === ''}>
            {isBusy ? t('quote.asking') : t('quote.ask')}
          </button>
        </div>
        <p class="fine">{t('quote.about')}</p>
      </form>
      <Failure error={error ?? models.error} />
      {curve ? <Curve curve={curve} /> : null}
    </Panel>
  );
}

/** Cost and carbon over the time that is allowed. */
function Curve({ curve }: { readonly curve: QuoteCurveWire }) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const spec = useMemo(() => curveSpec(), []);
  const feasible = curve.points.filter((point) => point.feasible);
  const data = useMemo<uPlot.AlignedData>(
    () => [
      feasible.map(({ hours }) => hours),
      feasible.map(({ cost }) => cost.eur * 100),
      feasible.map(({ gco2 }) => gco2),
    ],
    [curve],
  );
  const soonest = feasible[0];
  const best = feasible.toSorted((a, b) => a.cost.eur - b.cost.eur)[0];
  if (!soonest || !best) return <p class="late">{t('quote.never')}</p>;
  return (
    <>
      <p class="words">
        {t('quote.words', {
          soon: duration(soonest.hours * 3_600_000),
          soonCost: eur(soonest.cost.eur, 4),
          best: duration(best.hours * 3_600_000),
          bestCost: eur(best.cost.eur, 4),
          bestCo2: co2(best.gco2),
        })}
      </p>
      <Chart spec={spec} data={data} summary={t('quote.curve')} />
      <Legend>
        <LegendEntry mark="line accent" text={t('quote.cost')} />
        <LegendEntry mark="line price" text={t('quote.carbon')} />
      </Legend>
      <ChartTable
        caption={t('quote.curve')}
        head={[t('quote.within'), t('quote.done'), t('quote.cost'), t('quote.carbon')]}
        rows={() =>
          curve.points.map(({ hours, feasible: isFeasible, eta, cost, gco2 }) => [
            duration(hours * 3_600_000),
            isFeasible && eta !== null ? dayAndTime(Date.parse(eta), zone) : t('quote.notInTime'),
            isFeasible ? eur(cost.eur, 4) : '–',
            isFeasible ? co2(gco2) : '–',
          ])
        }
      />
    </>
  );
}

const fromZero: uPlot.Scale.Range = (_, __, max) => [0, Math.max(0.001, max * 1.15)];

function curveSpec(): ChartSpec {
  return {
    height: 200,
    build: (color) => {
      const axis = { stroke: color('muted'), font: AXIS_FONT, ticks: { show: false } };
      return {
        legend: { show: false },
        cursor: { y: false },
        padding: [12, 8, 0, 0],
        scales: { x: { time: false }, eur: { range: fromZero }, co2: { range: fromZero } },
        axes: [
          { ...axis, grid: { show: false }, size: 26, values: inUnit('h') },
          { ...axis, scale: 'eur', size: 52, grid: { stroke: color('line'), width: 1 }, values: inUnit('ct') },
          { ...axis, scale: 'co2', side: 1, size: 52, grid: { show: false }, values: inUnit('g') },
        ],
        series: [
          {},
          { scale: 'eur', stroke: color('accent'), width: 2, points: { size: 7, fill: color('accent') } },
          { scale: 'co2', stroke: color('text'), width: 1.25, dash: [4, 3], points: { size: 5, fill: color('text') } },
        ],
      };
    },
  };
}
