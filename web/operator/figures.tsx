import { kw, number, percent } from '../format.ts';
import { t } from '../i18n.ts';
import { useCars, useTopic } from '../live.ts';
import { Figure } from '../parts.tsx';

/** The cell in one line. */
export function Figures() {
  const cars = useCars();
  const jobs = useTopic('jobs');
  const late = (useTopic('alerts') ?? []).filter(({ code }) => code === 'owner_at_risk').length;
  const sums = sumsOf(cars);
  const done = (jobs ?? []).reduce((sum, { requests }) => sum + requests.completed, 0);
  const total = (jobs ?? []).reduce((sum, { requests }) => sum + requests.total, 0);
  return (
    <dl class="figures">
      <Figure
        strong
        label={t('figure.computing')}
        value={number(sums.computing)}
        note={t('figure.ofPlugged', { count: sums.plugged })}
      />
      <Figure label={t('figure.computeKw')} value={kw(sums.computeKw)} />
      <Figure
        label={t('figure.chargeKw')}
        value={kw(sums.chargeKw)}
        note={t('figure.charging', { count: sums.charging })}
      />
      <Figure label={t('figure.cars')} value={number(sums.all)} note={t('figure.away', { count: sums.away })} />
      <Figure
        label={t('figure.answered')}
        value={total === 0 ? '–' : percent(done / total)}
        note={total === 0 ? t('figure.noJobs') : t('figure.requests', { done: number(done), total: number(total) })}
      />
      <Figure
        label={t('figure.onTime')}
        value={number(Math.max(0, sums.plugged - late))}
        note={late === 0 ? t('figure.nobodyLate') : t('figure.late', { count: late })}
      />
    </dl>
  );
}

function sumsOf(cars: ReturnType<typeof useCars>) {
  const sums = { all: 0, plugged: 0, away: 0, charging: 0, computing: 0, chargeKw: 0, computeKw: 0 };
  for (const { state, charge_kw, compute_kw } of cars?.values() ?? []) {
    sums.all++;
    if (state === 'away') sums.away++;
    else sums.plugged++;
    if (charge_kw > 0) sums.charging++;
    if (compute_kw > 0) sums.computing++;
    sums.chargeKw += charge_kw;
    sums.computeKw += compute_kw;
  }
  return sums;
}
