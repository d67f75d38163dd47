import { useState } from 'preact/hooks';
import type { GridEventWire, GridEventWithProofWire } from '../../api/wire/gridEvents.ts';
import { dayAndTime, kw, number, time, withUnit } from '../format.ts';
import { useHomeZone } from '../homeZone.ts';
import { t } from '../i18n.ts';
import { useTopic } from '../live.ts';
import { Empty, Failure, Figure, Panel } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { SidePanel } from '../sidePanel.tsx';
import { useAsked } from '../useAsked.ts';

/** What utilities asked for, and whether it was done. */
export function UtilityEvents() {
  const events = useTopic('events');
  const [opened, setOpened] = useState<string>();
  const zone = useHomeZone();
  return (
    <Panel title={t('events.title')} class="events">
      {events?.length === 0 ? <Empty>{t('events.none')}</Empty> : null}
      <ul class="event-list">
        {(events ?? []).map((event) => (
          <li key={event.id} class={event.state}>
            <button type="button" class="link" onClick={() => setOpened(event.id)}>
              {event.name ?? event.id}
            </button>
            <span class={`badge ${event.state}`}>{t(`eventState.${event.state}`)}</span>
            <span>{asked(event)}</span>
            <span class="muted">
              {event.start === null
                ? ''
                : `${dayAndTime(Date.parse(event.start), zone)} – ${event.end === null ? '…' : time(Date.parse(event.end), zone)}`}
            </span>
            <span class="muted">{event.connection}</span>
            {event.refused === null ? null : <span class="late">{event.refused}</span>}
          </li>
        ))}
      </ul>
      {opened === undefined ? null : <Proof id={opened} zone={zone} onClose={() => setOpened(undefined)} />}
    </Panel>
  );
}

function asked({ asks }: GridEventWire): string {
  return asks
    .map(({ type, units, values }) => `${type} ${values.slice(0, 3).map(String).join(', ')} ${units ?? ''}`)
    .join(' · ');
}

function hours(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 3_600_000;
}

/** What an event did to the metered load, by which method, and what went back to the utility. */
function Proof({ id, zone, onClose }: { readonly id: string; readonly zone: string; readonly onClose: () => void }) {
  const { api } = useSession();
  const plan = useTopic('plan');
  const path = `/grid/v1/events/${encodeURIComponent(id)}`;
  const { answer, error } = useAsked(`${path} ${plan?.id}`, () => api.get<GridEventWithProofWire>(path));
  const proof = answer?.measurement;
  const most = Math.max(
    0.1,
    ...(proof?.intervals ?? []).flatMap(({ baseline_kwh, metered_kwh, start, end }) =>
      [baseline_kwh, metered_kwh].map((kwh) => kwh / hours(start, end)),
    ),
  );
  return (
    <SidePanel title={answer?.name ?? id} note={answer ? asked(answer) : undefined} onClose={onClose}>
      <Failure error={error} />
      {proof ? (
        <>
          <dl class="figures">
            <Figure strong label={t('proof.shed')} value={withUnit(proof.shed_kwh, 'kWh', 2)} />
            <Figure label={t('proof.baseline')} value={withUnit(proof.baseline_kwh, 'kWh', 2)} note={proof.method} />
            <Figure label={t('proof.metered')} value={withUnit(proof.metered_kwh, 'kWh', 2)} />
            <Figure
              label={t('proof.response')}
              value={withUnit(proof.response_seconds, 's')}
              note={t('proof.planned', { seconds: number(proof.plan_seconds) })}
            />
          </dl>
          <ol class="proof" aria-label={t('proof.intervals')}>
            {proof.intervals.map(({ id: interval, start, end, baseline_kwh, metered_kwh }) => {
              const [baseline, metered] = [baseline_kwh / hours(start, end), metered_kwh / hours(start, end)];
              return (
                <li key={interval}>
                  <time dateTime={start}>{time(Date.parse(start), zone)}</time>
                  <span class="bars">
                    <i class="baseline" style={{ width: `${(baseline / most) * 100}%` }} />
                    <i class="metered" style={{ width: `${(metered / most) * 100}%` }} />
                  </span>
                  <span>{t('proof.pair', { baseline: kw(baseline), metered: kw(metered) })}</span>
                </li>
              );
            })}
          </ol>
          <p class="fine">{proof.method_text}</p>
        </>
      ) : (
        <Empty>{t('proof.none')}</Empty>
      )}
      {answer ? (
        <>
          <h3>{t('proof.reports', { count: answer.reports.length })}</h3>
          <ul class="lines">
            {answer.reports.map(({ name, sent_at }) => (
              <li key={name}>
                <time>{sent_at === null ? '–' : time(Date.parse(sent_at), zone)}</time>
                <span>{name}</span>
              </li>
            ))}
          </ul>
          <button type="button" onClick={() => void api.download(path, `${id}.json`)}>
            {t('proof.download')}
          </button>
        </>
      ) : null}
    </SidePanel>
  );
}
