import { useState } from 'preact/hooks';
import type { CarNightWire } from '../../api/wire/carNight.ts';
import type { VehicleWire, WhyWire } from '../../api/wire/cars.ts';
import { co2, dayAndTime, eur, kw, money, onClockOf, percent } from '../format.ts';
import { useNow } from '../gridClock.ts';
import { t } from '../i18n.ts';
import { useCars, useTopic } from '../live.ts';
import { Choice, Empty, Failure, Figure, Panel } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { useAsked } from '../useAsked.ts';
import { CarNightChart, useCarNight } from './carNight.tsx';
import { nightInWords } from './nightInWords.ts';
import { OneTap } from './oneTap.tsx';
import { PolicyForm } from './policyForm.tsx';
import { Statements } from './statements.tsx';

/** An owner's cars, one at a time. */
export function OwnerView() {
  const cars = useCars();
  const [chosen, setChosen] = useState<string>();
  const rows = [...(cars?.values() ?? [])];
  const car = rows.find(({ id }) => id === chosen) ?? rows[0];
  if (!car) return <Empty>{cars ? t('owner.noCar') : t('app.opening')}</Empty>;
  return (
    <div class="view owner">
      <div class="row">
        <h1>{car.name}</h1>
        {rows.length < 2 ? null : (
          <Choice
            label={t('owner.cars')}
            value={car.id}
            options={rows.map(({ id, name }) => ({ value: id, text: name }))}
            onChange={setChosen}
          />
        )}
      </div>
      <Car key={car.id} id={car.id} />
    </div>
  );
}

function Car({ id }: { readonly id: string }) {
  const { api, clock } = useSession();
  const row = useCars()?.get(id);
  const plan = useTopic('plan');
  const path = `/fleet/v1/vehicles/${encodeURIComponent(id)}`;
  const { answer, error, again } = useAsked(`${id} ${plan?.id} ${row?.since_ms}`, async () => {
    const [car, why] = await Promise.all([api.get<VehicleWire>(path), api.get<WhyWire>(`${path}/why?limit=8`)]);
    return { car, why };
  });
  const night = useCarNight(id);
  return (
    <>
      <Failure error={error ?? night.error} />
      {night.answer && answer ? <Tonight night={night.answer} car={answer.car} onChanged={again} /> : null}
      <div class="columns">
        <Panel title={t('owner.why')} class="why-panel">
          <ul class="reasons">
            {(answer?.why.claims ?? []).flatMap(({ holder, holds, reasons }) =>
              reasons.map(({ code, text }) => (
                <li key={`${holder} ${code}`} class={holds ? 'holds' : ''}>
                  {answer ? onClockOf(answer.why.timeZone, text, clock.now()) : text}
                </li>
              )),
            )}
          </ul>
        </Panel>
        {night.answer ? <Money night={night.answer} /> : null}
      </div>
      {answer ? <PolicyForm car={answer.car} onSaved={again} /> : null}
      <Statements id={id} />
    </>
  );
}

interface TonightProps {
  readonly night: CarNightWire;
  readonly car: VehicleWire;
  readonly onChanged: () => void;
}

/** The answer to "is my car ready in the morning, and what does it do until then?" */
function Tonight({ night, car, onChanged }: TonightProps) {
  const { clock } = useSession();
  const nowMs = useNow(clock);
  const row = useCars()?.get(car.id);
  return (
    <Panel title={t('owner.tonight')} class="tonight" aside={<OneTap car={car} onChanged={onChanged} />}>
      <div class="car-now">
        <p class="soc">
          <b>{percent(car.socPercent === null ? null : car.socPercent / 100)}</b>
          <small>
            {night.stay
              ? t('owner.target', {
                  target: percent(night.stay.targetSocPercent / 100),
                  at: dayAndTime(night.stay.readyByMs, night.timeZone),
                })
              : t('state.away')}
          </small>
        </p>
        <p class="words">{nightInWords(night, nowMs)}</p>
      </div>
      <Flow chargeKw={row?.charge_kw ?? 0} computeKw={row?.compute_kw ?? 0} isThere={night.stay !== null} />
      <CarNightChart night={night} />
    </Panel>
  );
}

/** Where the power goes now. */
function Flow(props: { readonly chargeKw: number; readonly computeKw: number; readonly isThere: boolean }) {
  const total = props.chargeKw + props.computeKw;
  const share = (value: number): string => `${total > 0 ? (value / total) * 100 : 0}%`;
  return (
    <div class={total > 0 ? 'flow on' : 'flow'}>
      <span>
        {t('owner.fromGrid')} <b>{kw(total)}</b>
      </span>
      <span class="pipe" aria-hidden="true">
        <i class="charge" style={{ width: share(props.chargeKw) }} />
        <i class="compute" style={{ width: share(props.computeKw) }} />
      </span>
      <span>
        {t('owner.toBattery')} <b>{kw(props.chargeKw)}</b>
      </span>
      <span>
        {t('owner.toComputer')} <b>{kw(props.computeKw)}</b>
      </span>
    </div>
  );
}

function Money({ night }: { readonly night: CarNightWire }) {
  const { asPlanned, onArrival } = night.charging;
  const earned = night.earned.length === 0 ? [{ currency: 'EUR', stay: 0, total: 0 }] : night.earned;
  return (
    <Panel title={t('owner.money')} class="money">
      <dl class="figures">
        <Figure
          strong
          label={t('owner.earnedStay')}
          value={earned.map(({ stay, currency }) => money(stay, currency)).join(' + ')}
          note={t('owner.earnedTotal', {
            total: earned.map(({ total, currency }) => money(total, currency)).join(' + '),
          })}
        />
        <Figure
          label={t('owner.saved')}
          value={eur(onArrival.costEur - asPlanned.costEur)}
          note={t('owner.savedNote', { was: eur(asPlanned.costEur), would: eur(onArrival.costEur) })}
        />
        <Figure
          label={t('owner.avoided')}
          value={co2(onArrival.gramsCo2 - asPlanned.gramsCo2)}
          note={t('owner.avoidedNote', { was: co2(asPlanned.gramsCo2), would: co2(onArrival.gramsCo2) })}
        />
      </dl>
    </Panel>
  );
}
