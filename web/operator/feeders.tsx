import { useState } from 'preact/hooks';
import type { FeedersWire } from '../../api/wire/timeline.ts';
import { cents, eur, kw, number, placeOf, time } from '../format.ts';
import { t } from '../i18n.ts';
import { useTopic } from '../live.ts';
import { Empty, Failure, Panel } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { useAsked } from '../useAsked.ts';
import { FeederPanel } from './feederPanel.tsx';

const SHOWN = 60;
type Feeder = FeedersWire['feeders'][number] & { readonly region: string; readonly timeZone: string };

/** Feeders of the regions that the caller sees, those whose limits cost most first. */
export function Feeders() {
  const { api, caller } = useSession();
  const plan = useTopic('plan');
  const [opened, setOpened] = useState<Feeder>();
  const { answer, error } = useAsked(`feeders ${plan?.id}`, () =>
    Promise.all(
      caller.regions.map(({ id }) => api.get<FeedersWire>(`/grid/v1/regions/${encodeURIComponent(id)}/feeders`)),
    ),
  );
  const feeders = (answer ?? [])
    .flatMap(({ region_id, feeders: ofRegion }) =>
      ofRegion.map((feeder): Feeder => ({
        ...feeder,
        region: region_id,
        timeZone: caller.regions.find(({ id }) => id === region_id)?.time_zone ?? 'UTC',
      })),
    )
    .sort((a, b) => b.one_more_kw_eur - a.one_more_kw_eur || a.id.localeCompare(b.id));
  return (
    <Panel title={t('feeders.title')} class="feeders">
      <Failure error={error} />
      {answer && feeders.length === 0 ? <Empty>{t('feeders.none')}</Empty> : null}
      <div class="scroll" tabIndex={0} role="group" aria-label={t('feeders.title')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('grid.feeder')}</th>
              <th scope="col">{t('feeders.use')}</th>
              <th scope="col" class="figure-cell">
                {t('load.limit')}
              </th>
              <th scope="col">{t('feeders.source')}</th>
              <th scope="col" class="figure-cell">
                {t('feeders.price')}
              </th>
              <th scope="col">{t('feeders.binds')}</th>
              <th scope="col" class="figure-cell">
                {t('feeders.oneMore')}
              </th>
              <th scope="col" class="figure-cell">
                {t('feeders.cars')}
              </th>
            </tr>
          </thead>
          <tbody>
            {feeders.slice(0, SHOWN).map((feeder) => (
              <tr key={feeder.id}>
                <th scope="row">
                  <button type="button" class="link" onClick={() => setOpened(feeder)}>
                    {feeder.id}
                  </button>
                  <small>{placeOf(feeder.timeZone)}</small>
                </th>
                <td>
                  <Use feeder={feeder} />
                </td>
                <td class="figure-cell">{kw(feeder.limit_kw)}</td>
                <td>{feeder.limit_source ?? t('feeders.failSafe')}</td>
                <td class={feeder.limit_price_eur_per_kwh > 0 ? 'figure-cell binds' : 'figure-cell'}>
                  {feeder.limit_price_eur_per_kwh > 0 ? cents(feeder.limit_price_eur_per_kwh) : '–'}
                </td>
                <td>
                  {feeder.binding_slots === 0
                    ? t('feeders.never')
                    : t('feeders.when', {
                        count: feeder.binding_slots,
                        from: time(feeder.next_binding ? Date.parse(feeder.next_binding) : null, feeder.timeZone),
                      })}
                </td>
                <td class="figure-cell">{feeder.one_more_kw_eur > 0 ? eur(feeder.one_more_kw_eur, 3) : '–'}</td>
                <td class="figure-cell">
                  {number(feeder.plugged_in)}/{number(feeder.cars)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {opened ? <FeederPanel feeder={opened} onClose={() => setOpened(undefined)} /> : null}
    </Panel>
  );
}

/** How much of the limit houses and cars take. */
function Use({ feeder }: { readonly feeder: Feeder }) {
  const share = (value: number | null): string =>
    `${feeder.limit_kw > 0 ? Math.min(100, ((value ?? 0) / feeder.limit_kw) * 100) : 0}%`;
  const text = t('feeders.useText', { house: kw(feeder.house_kw), cars: kw(feeder.planned_kw) });
  return (
    <span class="use" role="img" aria-label={text} title={text}>
      <i class="house" style={{ width: share(feeder.house_kw) }} />
      <i class="cars" style={{ width: share(feeder.planned_kw) }} />
    </span>
  );
}
