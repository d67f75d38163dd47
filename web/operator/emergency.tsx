import { useState } from 'preact/hooks';
import { placeOf, time } from '../format.ts';
import { t } from '../i18n.ts';
import { useTopic } from '../live.ts';
import { Confirm } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';

const LASTS_MS = 3_600_000;

/** Has the cars of a region draw nothing for an hour, or ends that. */
export function EmergencyButton() {
  const { api, caller, clock } = useSession();
  const alerts = useTopic('alerts') ?? [];
  const [region, setRegion] = useState<string>();
  const chosen = caller.regions.find(({ id }) => id === region);
  const isShedding = alerts.some((alert) => alert.code === 'emergency' && alert.region === region);
  const untilMs = clock.now() + LASTS_MS;
  const path = `/grid/v1/regions/${encodeURIComponent(region ?? '')}/emergency`;
  return (
    <>
      <select
        class="emergency"
        aria-label={t('emergency.title')}
        value=""
        onChange={(event) => {
          setRegion(event.currentTarget.value);
          event.currentTarget.value = '';
        }}
      >
        <option value="" disabled>
          {t('emergency.title')}
        </option>
        {caller.regions.map(({ id, time_zone }) => (
          <option key={id} value={id}>
            {placeOf(time_zone)}
          </option>
        ))}
      </select>
      {chosen ? (
        <Confirm
          title={t('emergency.titleOf', { region: placeOf(chosen.time_zone) })}
          text={
            isShedding
              ? t('emergency.endText')
              : t('emergency.text', { region: placeOf(chosen.time_zone), until: time(untilMs, chosen.time_zone) })
          }
          act={isShedding ? t('emergency.end') : t('emergency.act')}
          {...(isShedding ? {} : { reason: t('action.why') })}
          onClose={() => setRegion(undefined)}
          onConfirm={(reason) =>
            isShedding
              ? api.json('DELETE', path)
              : api.json('POST', path, { reason, until: new Date(untilMs).toISOString() })
          }
        />
      ) : null}
    </>
  );
}
