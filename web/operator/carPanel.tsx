import { useState } from 'preact/hooks';
import type { VehicleWire, WhyWire } from '../../api/wire/cars.ts';
import { dayAndTime, onClockOf, time } from '../format.ts';
import { t } from '../i18n.ts';
import { useCars, useTopic } from '../live.ts';
import { CarNight } from '../owner/carNight.tsx';
import { Confirm, Failure } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { SidePanel } from '../sidePanel.tsx';
import { useAsked } from '../useAsked.ts';
import { TemporalLink } from './temporalLink.tsx';

/** One car: who holds it and why, how that came about, its night, and what an operator may do. */
export function CarPanel({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { api, clock } = useSession();
  const row = useCars()?.get(id);
  const plan = useTopic('plan');
  const path = `/fleet/v1/vehicles/${encodeURIComponent(id)}`;
  const { answer, error } = useAsked(`${id} ${plan?.id} ${row?.since_ms}`, async () => {
    const [why, car, stays] = await Promise.all([
      api.get<WhyWire>(`${path}/why?limit=20`),
      api.get<VehicleWire>(path),
      api.get<{ stays: readonly { stay: number; unpluggedAtMs: number | null }[] }>(`${path}/sessions?limit=1`),
    ]);
    return { why, car, stay: stays.stays[0] };
  });
  const [isAsking, setAsking] = useState(false);
  const zone = answer?.why.timeZone ?? 'UTC';
  return (
    <SidePanel
      title={row?.name ?? id}
      note={answer ? `${answer.car.carModel} · ${answer.car.hardwareClass} · ${answer.car.feederId} · ${id}` : id}
      onClose={onClose}
    >
      <Failure error={error} />
      <div class="row">
        {row ? (
          <strong>
            <i class={`dot ${row.state}`} aria-hidden="true" /> {t(`state.${row.state}`)}
          </strong>
        ) : null}
        <button type="button" onClick={() => setAsking(true)}>
          {row?.excluded ? t('car.readmit') : t('car.exclude')}
        </button>
        {answer?.stay && answer.stay.unpluggedAtMs === null ? (
          <TemporalLink workflowId={`session/${id}/${answer.stay.stay}`} />
        ) : null}
      </div>
      <CarNight id={id} />
      <h3>{t('car.ladder')}</h3>
      <ol class="ladder">
        {(answer?.why.claims ?? []).map(({ holder, holds, reasons }) => (
          <li key={holder} class={holds ? 'holds' : ''}>
            <strong>{t(`holder.${holder}`)}</strong>
            {reasons.length === 0 ? <span class="muted">{t('car.noClaim')}</span> : null}
            {reasons.map(({ code, text }) => (
              <span key={code}>{onClockOf(zone, text, clock.now())}</span>
            ))}
          </li>
        ))}
      </ol>
      <h3>{t('car.before')}</h3>
      <ol class="lines">
        {(answer?.why.transitions ?? []).map(({ seq, atMs, state, heldBy, reasons }) => (
          <li key={seq}>
            <time dateTime={new Date(atMs).toISOString()} title={dayAndTime(atMs, zone)}>
              {time(atMs, zone)}
            </time>
            <span>
              {t(`state.${state}`)}, {t(`holder.${heldBy}`)}
              {reasons[0] ? `: ${onClockOf(zone, reasons[0].text, atMs)}` : ''}
            </span>
          </li>
        ))}
      </ol>
      {isAsking && row ? (
        <Confirm
          title={row.excluded ? t('car.readmit') : t('car.exclude')}
          text={t(row.excluded ? 'car.readmitText' : 'car.excludeText', { name: row.name })}
          act={row.excluded ? t('car.readmit') : t('car.exclude')}
          {...(row.excluded ? {} : { reason: t('action.why') })}
          onClose={() => setAsking(false)}
          onConfirm={(reason) =>
            row.excluded
              ? api.json('DELETE', `/ops/v1/cars/${encodeURIComponent(id)}/exclusion`)
              : api.json('PUT', `/ops/v1/cars/${encodeURIComponent(id)}/exclusion`, { reason })
          }
        />
      ) : null}
    </SidePanel>
  );
}
