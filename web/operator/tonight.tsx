import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { cents, kw, placeOf, withUnit } from '../format.ts';
import { useNow } from '../gridClock.ts';
import { useHomeZone } from '../homeZone.ts';
import { t } from '../i18n.ts';
import { LoadChart } from '../loadChart.tsx';
import { together } from '../loadSeries.ts';
import { Choice, Empty, Failure, Panel } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { slotNow, useTimelines } from '../timelines.ts';

const ALL = '';

/** The cell, or one of its regions, on one time axis: what happened, what is planned, and what the grid is like. */
export function Tonight({ aside }: { readonly aside?: ComponentChildren }) {
  const { caller, clock } = useSession();
  const nowMs = useNow(clock);
  const [region, setRegion] = useState(caller.regions.length === 1 ? (caller.regions[0]?.id ?? ALL) : ALL);
  const shown = caller.regions.filter(({ id }) => region === ALL || id === region);
  const { answer, error } = useTimelines(shown.map(({ id }) => id));
  const timeline = useMemo(() => {
    const [only] = answer ?? [];
    return answer && answer.length > 1 ? together(answer) : only;
  }, [answer]);
  const home = useHomeZone();
  const timeZone = shown.length === 1 ? (shown[0]?.time_zone ?? home) : home;
  const slot = timeline ? slotNow(timeline, nowMs) : 0;
  return (
    <Panel
      title={t('tonight.title')}
      class="tonight"
      aside={
        <>
          {caller.regions.length < 2 ? null : (
            <Choice
              label={t('grid.region')}
              value={region}
              options={[
                { value: ALL, text: t('tonight.all') },
                ...caller.regions.map(({ id, time_zone }) => ({ value: id, text: placeOf(time_zone) })),
              ]}
              onChange={setRegion}
            />
          )}
          {aside}
        </>
      }
    >
      <Failure error={error} />
      {timeline ? (
        <>
          <p class="now-line">
            <span>
              {t('tonight.now')} <b>{kw(nowKw(timeline, slot))}</b>{' '}
              {t('tonight.ofLimit', { limit: kw(timeline.limit_kw[slot]) })}
            </span>
            <span>
              {t('grid.price')} <b>{cents(timeline.price_eur_per_kwh[slot])}</b>
            </span>
            <span>
              {t('grid.carbon')} <b>{withUnit(timeline.carbon_g_per_kwh[slot], 'g/kWh')}</b>
            </span>
            {(timeline.limit_price_eur_per_kwh[slot] ?? 0) > 0 ? (
              <span class="binds">
                {t('grid.limitBinds')} <b>{cents(timeline.limit_price_eur_per_kwh[slot])}</b>
              </span>
            ) : null}
          </p>
          <LoadChart timeline={timeline} timeZone={timeZone} nowMs={nowMs} />
        </>
      ) : (
        <Empty>{t('app.opening')}</Empty>
      )}
    </Panel>
  );
}

type Powers = Pick<NonNullable<ReturnType<typeof together>>, 'house_kw' | 'planned_charge_kw' | 'planned_compute_kw'>;

function nowKw({ house_kw, planned_charge_kw, planned_compute_kw }: Powers, slot: number): number {
  return (house_kw[slot] ?? 0) + (planned_charge_kw[slot] ?? 0) + (planned_compute_kw[slot] ?? 0);
}
