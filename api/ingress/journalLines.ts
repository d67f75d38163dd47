import type { JournalKind, JournalLine, JournalReason } from '../../domain/journal.ts';
import type { Vehicle } from '../../store/vehicles.ts';
import type { FusedState } from './fusedState.ts';
import type { FusionEvent } from './fusion.ts';
import type { PlugSign } from './plugSigns.ts';

/**
 * The line that people read of an event, or undefined where nothing happened that they would ask about. That a car
 * is plugged in is told by its parking session, with what its owner wants.
 */
export function journalLineOf(vehicle: Vehicle, state: FusedState, event: FusionEvent): JournalLine | undefined {
  const line = (kind: JournalKind, message: string, signs: readonly PlugSign[] = []): JournalLine => ({
    atMs: event.atMs,
    kind,
    subject: vehicle.id,
    message: `${vehicle.displayName} ${message}`,
    reasons: signs.map(reasonOf),
    dedupeKey: `telemetry/${vehicle.id}/${event.kind}/${event.atMs}`,
  });
  // A car on the road sleeps and wakes as it likes.
  const isStaying = state.plug !== 'away';
  switch (event.kind) {
    case 'unplugged':
      return event.why === 'signs'
        ? line('unplugged', `is unplugged: ${inWords(event.signs)}`, event.signs)
        : line('unplugged', `counts as unplugged: ${inWords(event.signs)}, and nothing spoke against it`, event.signs);
    case 'doubted':
      return line(
        'fallback',
        `may be leaving: ${inWords(event.signs)}. It gets no new work until that is settled`,
        event.signs,
      );
    case 'confirmed':
      return line('fallback', `is still plugged in: ${inWords(event.signs)}`, event.signs);
    case 'online':
      return isStaying ? line('woken', 'is online') : undefined;
    case 'offline':
      return isStaying ? line('asleep', OFFLINE_TEXTS[event.why]) : undefined;
    case 'pluggedIn':
    case 'departed':
    case 'socChanged':
      return undefined;
  }
  return undefined;
}

const OFFLINE_TEXTS = {
  disconnected: 'sleeps or has no coverage: its connection was closed',
  silent: 'sleeps or has no coverage: nothing was heard of it for two resend intervals',
} as const;

/** For instance "DetailedChargeState is Disconnected and Gear is D". */
export function inWords(signs: readonly PlugSign[]): string {
  return signs.map(({ field, reading }) => `${field} is ${reading.value}`).join(' and ');
}

function reasonOf({ field, reading }: PlugSign): JournalReason {
  const text = `${field} is ${reading.value}`;
  return { code: `telemetry_${field}`, text, ...(typeof reading.value === 'number' && { value: reading.value }) };
}
