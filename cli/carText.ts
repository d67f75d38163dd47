import { MINUTE_MS } from '../domain/durations.ts';
import { clockText } from './clockText.ts';
import type { VehicleWire, WhyWire } from '../api/wire/cars.ts';
import type { Terminal } from './terminal.ts';

/** A car in a few lines. */
export function vehicleText(vehicle: VehicleWire, { colors }: Terminal): string {
  const { displayName, id, regionId, carModel, hardwareClass, policy, socPercent, heardAgeMs } = vehicle;
  const clock = clockText(policy.timeZone, 'ccc HH:mm');
  const soc = socPercent === null ? 'unknown SoC' : `${socPercent.toFixed(1)} %`;
  const age = heardAgeMs === null ? 'never heard of' : `heard ${Math.round(heardAgeMs / MINUTE_MS)} min ago`;
  return `${[
    `${colors.bold(displayName)}  ${id}  ${carModel}, ${hardwareClass}, ${regionId}`,
    `state     ${inWords(vehicle.state)}, held by ${inWords(vehicle.heldBy)}`,
    `battery   ${soc}, ${age}; ${vehicle.pluggedIn ? 'plugged in' : 'not at its plug'}, ${vehicle.online ? 'online' : 'asleep or offline'}`,
    `ready by  ${clock(vehicle.nextReadyByMs)} at ${policy.targetSocPercent} %, never below ${policy.minimumSocPercent} %`,
    `compute   ${policy.computeOptIn ? `allowed above ${policy.computeSocFloorPercent} %` : 'not allowed'}`,
  ].join('\n')}\n`;
}

/** Why the car does what it does: the ladder of claims, and the last changes. */
export function whyText(why: WhyWire, { colors }: Terminal): string {
  const clock = clockText(why.timeZone, 'ccc HH:mm:ss');
  const since = why.sinceMs === null ? '' : ` since ${clock(why.sinceMs)}`;
  const lines = [`${colors.bold(why.displayName)}: ${inWords(why.state)}, held by ${inWords(why.heldBy)}${since}`];
  for (const { holder, holds, reasons } of why.claims) {
    const mark = holds ? '>' : ' ';
    if (reasons.length === 0) lines.push(colors.dim(`${mark} ${inWords(holder)}: no claim`));
    else
      lines.push(`${mark} ${inWords(holder)}:`, ...reasons.map((reason) => `    ${reason.text} (${figures(reason)})`));
  }
  if (why.transitions.length > 0) lines.push('changes, newest first:');
  for (const { atMs, state, heldBy, reasons } of why.transitions) {
    const codes = reasons.map(({ code }) => code).join(', ');
    lines.push(`  ${clock(atMs)}  ${inWords(state)}, ${inWords(heldBy)}: ${codes}`);
  }
  return `${lines.join('\n')}\n`;
}

function figures({ code, value, limit }: { code: string; value?: number | undefined; limit?: number | undefined }) {
  const held = limit === undefined ? '' : `, limit ${Number(limit.toFixed(3))}`;
  return value === undefined ? code : `${code}: ${Number(value.toFixed(3))}${held}`;
}

function inWords(name: string): string {
  return name.replaceAll('_', ' ');
}
