import { useState } from 'preact/hooks';
import { placeOf, number } from '../format.ts';
import { t } from '../i18n.ts';
import { useTopic } from '../live.ts';
import { Failure, Figure } from '../parts.tsx';
import { Feeders } from '../operator/feeders.tsx';
import { Tonight } from '../operator/tonight.tsx';
import { useSession } from '../sessionContext.ts';
import { UtilityEvents } from './utilityEvents.tsx';

/** A utility's own regions: what is drawn, what it asked for, what it got. */
export function UtilityView() {
  const regions = useTopic('regions');
  return (
    <div class="view utility">
      <h1 class="hidden">{t('role.utility')}</h1>
      <dl class="figures">
        {(regions ?? []).map(({ id, time_zone, cars, online, plugged_in }) => (
          <Figure
            key={id}
            strong
            label={placeOf(time_zone)}
            value={t('utility.plugged', { count: plugged_in })}
            note={t('utility.ofCars', { cars: number(cars), online: number(online) })}
          />
        ))}
      </dl>
      <Tonight aside={<Export />} />
      <UtilityEvents />
      <Feeders />
    </div>
  );
}

/** The timeline of each region as a table. */
function Export() {
  const { api, caller } = useSession();
  const [error, setError] = useState<unknown>();
  return (
    <>
      {caller.regions.map(({ id, time_zone }) => (
        <button
          key={id}
          type="button"
          onClick={() => {
            setError(undefined);
            api
              .download(`/grid/v1/regions/${encodeURIComponent(id)}/timeline.csv`, `${id}.csv`)
              .catch((refused: unknown) => setError(refused));
          }}
        >
          {t('utility.export', { region: placeOf(time_zone) })}
        </button>
      ))}
      <Failure error={error} />
    </>
  );
}
