import { HOUR_MS } from '../domain/durations.ts';
import { z } from 'zod';

import type { GridConnectionWire } from '../api/wire/gridConnections.ts';
import type { GridEventWithProofWire } from '../api/wire/gridEvents.ts';
import type { Terminal } from './terminal.ts';

const reportSchema = z.object({
  payloadDescriptors: z.array(
    z.object({ payloadType: z.string(), readingType: z.string().nullish(), units: z.string().nullish() }),
  ),
  resources: z.array(
    z.object({
      resourceName: z.string(),
      intervals: z.array(z.object({ payloads: z.array(z.object({ values: z.array(z.unknown()) })) })),
    }),
  ),
});

/** A utility that is followed: how it does, what it has us do, and what of that is refused. */
export function connectionText(
  { id, region, vtn_url: url, status, ven, refusals }: GridConnectionWire,
  colors: Terminal['colors'],
): string {
  const lines = [`${colors.bold(id)} for ${region}, ${url}`];
  if (status === null) return `${[...lines, '  not synchronised yet'].join('\n')}\n`;
  if (ven) {
    const targets = ven.targets.length === 0 ? 'no targets' : `targets ${ven.targets.join(', ')}`;
    lines.push(`  known there as ${JSON.stringify(ven.name)}, ${targets}`);
  }
  lines.push(
    `  ${status.programs} programs, ${status.events} events taken, ${status.refused} refused; ` +
      (status.synced_at === null ? 'never synchronised' : `synchronised ${clock(status.synced_at)} UTC`),
    `  notifications: webhook ${status.webhook ?? 'works'}; MQTT ${status.mqtt ?? 'works'}`,
  );
  const failing = (what: string, times: number, failure: string | null): void => {
    if (failure !== null) lines.push(`  ${colors.red(`${what}${times > 0 ? `, ${times} times` : ''}: ${failure}`)}`);
  };
  failing('events cannot be read', status.failures, status.failure);
  failing('targets are as they were', 0, status.registration_failure);
  failing('reports fail', status.report_failures, status.report_failure);
  for (const { event, name, reasons } of refusals) {
    for (const reason of reasons)
      lines.push(`  ${colors.yellow(`not followed: ${name ?? `event ${event}`}: ${reason}`)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** `relief-1 "Evening relief"`: what is asked for by, and what its utility calls it. */
export function eventTitle({ id, name }: { readonly id: string; readonly name: string | null }): string {
  return name === null ? id : `${id} ${JSON.stringify(name)}`;
}

/** The event with its proof, as a table. */
export function eventText(event: GridEventWithProofWire, colors: Terminal['colors']): string {
  const { measurement } = event;
  const lines = [
    colors.bold(`${event.name ?? event.id} (${event.state}) from ${event.connection}`),
    ...(event.name === null ? [] : [`id ${event.id}`]),
    ...event.asks.map(
      ({ type, units, values }) =>
        `asks for ${type} ${values.map(valueText).join(', ')}${units === null ? '' : ` ${units}`}`,
    ),
    `received ${event.received_at}, from ${event.start ?? '-'} to ${event.end ?? 'further notice'}, on ${event.feeders.join(', ')}`,
    ...(event.refused === null ? [] : [colors.red(`not followed: ${event.refused}`)]),
    ...event.refused_payloads.map((reason) => colors.yellow(`a payload is not followed: ${reason}`)),
  ];
  if (measurement) {
    lines.push(
      '',
      colors.dim(
        row(['Interval, UTC', 'Start', 'End', 'Baseline kWh', 'Metered kWh', 'Shed kWh', 'Cars kW', 'With houses']),
      ),
    );
    for (const {
      id,
      start,
      end,
      baseline_kwh: baseline,
      metered_kwh: metered,
      house_kwh: house,
    } of measurement.intervals) {
      const hours = (Date.parse(end) - Date.parse(start)) / HOUR_MS;
      const withHouses = house === null ? '-' : ((metered + house) / hours).toFixed(2);
      lines.push(
        row([
          String(id),
          clock(start),
          clock(end),
          ...energies(baseline, metered),
          (metered / hours).toFixed(2),
          withHouses,
        ]),
      );
    }
    lines.push(row(['all', '', '', ...energies(measurement.baseline_kwh, measurement.metered_kwh)]), '');
    if (measurement.cars.length > 0) lines.push(colors.dim(row(['Cars that took part'])));
    for (const { vehicle, baseline_kwh: baseline, metered_kwh: metered } of measurement.cars) {
      lines.push(row([vehicle, '', '', ...energies(baseline, metered)]));
    }
    lines.push('', `Baseline: ${measurement.method_text}. Shed is baseline minus metered.`);
    lines.push(
      `Plan after ${seconds(measurement.plan_seconds)}; load below the baseline within ` +
        `${seconds(measurement.response_seconds)}, the end of the first meter slot below it.`,
    );
  }
  if (event.reports.length > 0) lines.push('', colors.dim('  Reports to the utility'));
  for (const { name, sent_at: sentAt, vtn_id: vtnId, report } of event.reports) {
    const sent = sentAt === null ? 'not sent yet' : `sent ${clock(sentAt)} UTC as ${vtnId ?? '-'}`;
    lines.push(...reportLines(name, report).map((line, index) => (index === 0 ? `  ${line}  (${sent})` : `  ${line}`)));
  }
  return `${lines.join('\n')}\n`;
}

const MAX_VALUES = 12;

/** `USAGE KWH DIRECT_READ: 0.57 0.61`, a line for each resource. */
function reportLines(name: string, report: unknown): string[] {
  const read = reportSchema.safeParse(report);
  const [descriptor] = read.data?.payloadDescriptors ?? [];
  if (!read.success || !descriptor) return [name];
  const { payloadType, units, readingType } = descriptor;
  const what = [payloadType, units, readingType].filter((word) => typeof word === 'string').join(' ');
  return read.data.resources.map(({ resourceName, intervals }) => {
    const values = intervals.flatMap(({ payloads }) => payloads.flatMap((payload) => payload.values)).map(valueText);
    const shown = `${values.slice(0, MAX_VALUES).join(' ')}${values.length > MAX_VALUES ? ' …' : ''}`;
    return `${what}, ${resourceName}: ${shown || 'nothing known'}`;
  });
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function row([name = '', start = '', end = '', ...values]: readonly string[]): string {
  return `  ${name.padEnd(20)}${start.padEnd(8)}${end.padEnd(8)}${values.map((value) => value.padStart(14)).join('')}`.trimEnd();
}

function energies(baseline: number, metered: number): string[] {
  return [baseline, metered, baseline - metered].map((kwh) => kwh.toFixed(2));
}

/** `23:30`, UTC. */
function clock(iso: string): string {
  return iso.slice(11, 16);
}

function seconds(value: number | null): string {
  return value === null ? '-' : `${Math.round(value)} s`;
}
