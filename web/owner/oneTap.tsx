import { useState } from 'preact/hooks';
import type { VehicleWire } from '../../api/wire/cars.ts';
import { t } from '../i18n.ts';
import { Failure } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';

/** "Not tonight" and "charge now", until the next ready-by, each with its way back. */
export function OneTap({ car, onChanged }: { readonly car: VehicleWire; readonly onChanged: () => void }) {
  const { api, clock } = useSession();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const nowMs = clock.now();
  const isOut = (car.policy.optOutUntilMs ?? 0) > nowMs;
  const isBoosting = (car.policy.boostUntilMs ?? 0) > nowMs;
  const set = async (field: 'optOutUntilMs' | 'boostUntilMs', isOn: boolean): Promise<void> => {
    setBusy(true);
    setError(undefined);
    const { [field]: _, ...rest } = car.policy;
    const policy = isOn ? { ...rest, [field]: car.nextReadyByMs } : rest;
    try {
      await api.json('PUT', `/fleet/v1/vehicles/${encodeURIComponent(car.id)}/policy`, policy);
      onChanged();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="one-tap">
      <button
        type="button"
        class={isBoosting ? 'primary' : ''}
        aria-pressed={isBoosting}
        disabled={isBusy}
        onClick={() => void set('boostUntilMs', !isBoosting)}
      >
        {isBoosting ? t('owner.undoBoost') : t('owner.boost')}
      </button>
      <button
        type="button"
        class={isOut ? 'primary' : ''}
        aria-pressed={isOut}
        disabled={isBusy || !car.policy.computeOptIn}
        onClick={() => void set('optOutUntilMs', !isOut)}
      >
        {isOut ? t('owner.undoOptOut') : t('owner.optOut')}
      </button>
      <Failure error={error} />
    </div>
  );
}
