import { useEffect, useState } from 'preact/hooks';
import type { VehicleWire } from '../../api/wire/cars.ts';
import type { PolicyPreviewWire } from '../../api/wire/policyPreview.ts';
import { co2, dayAndTime, eur, withUnit } from '../format.ts';
import { t } from '../i18n.ts';
import { Failure, Panel } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { useAsked } from '../useAsked.ts';

type Policy = VehicleWire['policy'];

/** What the owner wants, and what a change of it would do to the rest of this stay. */
export function PolicyForm({ car, onSaved }: { readonly car: VehicleWire; readonly onSaved: () => void }) {
  const { api } = useSession();
  const [policy, setPolicy] = useState<Policy>(car.policy);
  const [error, setError] = useState<unknown>();
  const isChanged = JSON.stringify(policy) !== JSON.stringify(car.policy);
  useEffect(() => setPolicy(car.policy), [JSON.stringify(car.policy)]);
  const set = (change: Partial<Policy>): void => setPolicy((last) => ({ ...last, ...change }));
  const path = `/fleet/v1/vehicles/${encodeURIComponent(car.id)}/policy`;
  const save = async (): Promise<void> => {
    try {
      setError(undefined);
      await api.json('PUT', path, policy);
      onSaved();
    } catch (refused) {
      setError(refused);
    }
  };
  return (
    <Panel title={t('policy.title')} class="policy">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div class="fields">
          <label>
            {t('policy.readyBy')}
            <input
              type="time"
              required
              value={policy.readyBy}
              onInput={(event) => set({ readyBy: event.currentTarget.value })}
            />
          </label>
          <Percent
            label={t('policy.target')}
            value={policy.targetSocPercent}
            min={20}
            onChange={(value) => set({ targetSocPercent: value })}
          />
          <Percent
            label={t('policy.minimum')}
            value={policy.minimumSocPercent}
            min={0}
            onChange={(value) => set({ minimumSocPercent: value })}
          />
          <Percent
            label={t('policy.floor')}
            value={policy.computeSocFloorPercent}
            min={20}
            onChange={(value) => set({ computeSocFloorPercent: value })}
          />
          <label class="check">
            <input
              type="checkbox"
              checked={policy.computeOptIn}
              disabled={policy.consent === undefined}
              onChange={(event) => set({ computeOptIn: event.currentTarget.checked })}
            />
            {t('policy.optIn')}
          </label>
        </div>
        {isChanged ? <Preview car={car} policy={policy} /> : null}
        <Failure error={error} />
        <footer>
          <button type="button" disabled={!isChanged} onClick={() => setPolicy(car.policy)}>
            {t('action.undo')}
          </button>
          <button type="submit" class="primary" disabled={!isChanged}>
            {t('policy.save')}
          </button>
        </footer>
      </form>
    </Panel>
  );
}

interface PercentProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly onChange: (value: number) => void;
}

function Percent({ label, value, min, onChange }: PercentProps) {
  return (
    <label>
      <span>
        {label} <b>{withUnit(value, '%')}</b>
      </span>
      <input
        type="range"
        min={min}
        max={100}
        step={5}
        value={value}
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />
    </label>
  );
}

/** The rest of the stay as it is, and as it would be. */
function Preview({ car, policy }: { readonly car: VehicleWire; readonly policy: Policy }) {
  const { api } = useSession();
  const { answer, error } = useAsked(JSON.stringify(policy), () =>
    api.json<PolicyPreviewWire>('POST', `/fleet/v1/vehicles/${encodeURIComponent(car.id)}/policy/preview`, policy),
  );
  if (error !== undefined) return <Failure error={error} />;
  if (!answer) return <p class="muted">{t('policy.previewing')}</p>;
  const { asItIs, changed } = answer;
  const zone = policy.timeZone;
  const rows: readonly (readonly [string, string, string])[] = [
    [t('policy.readyBy'), dayAndTime(asItIs.readyByMs, zone), dayAndTime(changed.readyByMs, zone)],
    [t('load.charge'), withUnit(asItIs.chargeKwh, 'kWh', 1), withUnit(changed.chargeKwh, 'kWh', 1)],
    [t('policy.cost'), eur(asItIs.costEur), eur(changed.costEur)],
    [t('grid.carbon'), co2(asItIs.gramsCo2), co2(changed.gramsCo2)],
    [t('policy.computeHours'), withUnit(asItIs.computeHours, 'h', 1), withUnit(changed.computeHours, 'h', 1)],
  ];
  return (
    <div class="preview" aria-live="polite">
      <table>
        <caption>{t('policy.preview')}</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">{t('policy.asItIs')}</th>
            <th scope="col">{t('policy.changed')}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([what, now, then]) => (
            <tr key={what}>
              <th scope="row">{what}</th>
              <td>{now}</td>
              <td class={now === then ? '' : 'differs'}>{then}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {changed.missing.map((text) => (
        <p key={text} class="late">
          {text}
        </p>
      ))}
    </div>
  );
}
