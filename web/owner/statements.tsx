import type { StayWire } from '../../api/wire/cars.ts';
import { date, money, percent, time, withUnit } from '../format.ts';
import { t } from '../i18n.ts';
import { Empty, Failure, Panel } from '../parts.tsx';
import { useTopic } from '../live.ts';
import { useSession } from '../sessionContext.ts';
import { useAsked } from '../useAsked.ts';

/** What each stay came to. */
export function Statements({ id }: { readonly id: string }) {
  const { api, caller } = useSession();
  const plan = useTopic('plan');
  const { answer, error } = useAsked(`stays ${id} ${plan?.slot_start_ms}`, () =>
    api.get<{ stays: readonly StayWire[] }>(`/fleet/v1/vehicles/${encodeURIComponent(id)}/sessions?limit=30`),
  );
  const zone = caller.regions[0]?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <Panel title={t('statements.title')}>
      <Failure error={error} />
      {answer?.stays.length === 0 ? <Empty>{t('statements.none')}</Empty> : null}
      <div class="scroll" tabIndex={0} role="group" aria-label={t('statements.title')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('statements.stay')}</th>
              <th scope="col">{t('statements.pluggedIn')}</th>
              <th scope="col">{t('statements.until')}</th>
              <th scope="col" class="figure-cell">
                {t('statements.atReadyBy')}
              </th>
              <th scope="col" class="figure-cell">
                {t('load.charge')}
              </th>
              <th scope="col" class="figure-cell">
                {t('load.compute')}
              </th>
              <th scope="col" class="figure-cell">
                {t('statements.credit')}
              </th>
            </tr>
          </thead>
          <tbody>
            {(answer?.stays ?? []).map((stay) => {
              const statement = figuresOf(stay.statement);
              return (
                <tr key={stay.stay}>
                  <th scope="row">{stay.stay}</th>
                  <td>
                    {date(stay.pluggedInAtMs, zone)} {time(stay.pluggedInAtMs, zone)}
                  </td>
                  <td>{stay.unpluggedAtMs === null ? t('statements.open') : time(stay.unpluggedAtMs, zone)}</td>
                  <td class="figure-cell">
                    {percent(stay.readyBySocPercent === null ? null : stay.readyBySocPercent / 100)}
                  </td>
                  <td class="figure-cell">{withUnit(statement.chargingKwh, 'kWh', 1)}</td>
                  <td class="figure-cell">{withUnit(statement.computeKwh, 'kWh', 2)}</td>
                  <td class="figure-cell">{creditOf(statement.credit)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function creditOf(credit: Readonly<Record<string, number>> | undefined): string {
  const amounts = Object.entries(credit ?? {}).map(([currency, amount]) => money(amount, currency));
  return amounts.length === 0 ? '–' : amounts.join(' + ');
}

/** What a settled stay came to; nothing of one that is not, or whose statement has another form. */
function figuresOf(statement: unknown): {
  chargingKwh?: number;
  computeKwh?: number;
  credit?: Readonly<Record<string, number>>;
} {
  return typeof statement === 'object' && statement !== null ? statement : {};
}
