import { DateTime } from 'luxon';
import type { SessionSnapshot } from '../domain/workflows/parkingSession.ts';

/** Markdown for the operator: what the car is promised, what it does in this slot, and why. */
export function describeSession({ terms, setpoint, readyByChecked }: SessionSnapshot): string {
  const local = (ms: number): string => DateTime.fromMillis(ms, { zone: terms.timeZone }).toFormat('ccc HH:mm');
  const promise = `**${terms.displayName}**: ${terms.targetSocPercent} % by ${local(terms.readyByMs)} (${terms.timeZone})`;
  const lines = [readyByChecked ? `${promise}; that time has passed.` : `${promise}.`];
  if (!setpoint) lines.push('Waits for its first plan.');
  else {
    lines.push(
      `From ${local(setpoint.slotStartMs)}: charge at ${setpoint.chargeKw.toFixed(2)} kW, ` +
        `compute at ${setpoint.computeKw.toFixed(2)} kW.`,
      ...setpoint.reasons.map((reason) => `- ${reason.text}`),
    );
  }
  return lines.join('\n\n');
}
