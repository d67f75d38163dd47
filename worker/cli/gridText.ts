import { z } from 'zod';

import type { Terminal } from './terminal.ts';

/** What the API says of utilities, as far as it is printed. */

export const eventsSchema = z.object({ data: z.array(z.unknown()) });

export const connectionSchema = z.looseObject({
  id: z.string(),
  vtn_url: z.string(),
  region: z.string(),
  status: z.looseObject({ failure: z.string().nullable(), events: z.number() }).nullable(),
});

export const eventSchema = z.looseObject({
  id: z.string(),
  connection: z.string(),
  state: z.string(),
  received_at: z.string(),
  start: z.string().nullable(),
  end: z.string().nullable(),
  feeders: z.array(z.string()),
  refused: z.string().nullable(),
});

const shownSchema = eventSchema.extend({
  measurement: z
    .object({
      method_text: z.string(),
      baseline_kwh: z.number(),
      metered_kwh: z.number(),
      shed_kwh: z.number(),
      plan_seconds: z.number().nullable(),
      response_seconds: z.number().nullable(),
      intervals: z.array(
        z.object({
          id: z.number(),
          start: z.string(),
          end: z.string(),
          baseline_kwh: z.number(),
          metered_kwh: z.number(),
        }),
      ),
      cars: z.array(z.object({ vehicle: z.string(), baseline_kwh: z.number(), metered_kwh: z.number() })),
    })
    .nullable(),
  reports: z.array(z.object({ name: z.string(), sent_at: z.string().nullable() })),
});

/** The event with its proof, as a table. */
export function eventText(answer: unknown, colors: Terminal['colors']): string {
  const event = shownSchema.parse(answer);
  const { measurement } = event;
  const lines = [
    colors.bold(`${event.id} (${event.state}) from ${event.connection}`),
    `received ${event.received_at}, from ${event.start ?? '-'} to ${event.end ?? 'further notice'}, on ${event.feeders.join(', ')}`,
    ...(event.refused === null ? [] : [colors.red(`not followed: ${event.refused}`)]),
  ];
  if (measurement) {
    lines.push('', colors.dim(row(['Interval', 'Start', 'End', 'Baseline kWh', 'Metered kWh', 'Shed kWh'])));
    for (const { id, start, end, baseline_kwh: baseline, metered_kwh: metered } of measurement.intervals) {
      lines.push(row([String(id), clock(start), clock(end), ...energies(baseline, metered)]));
    }
    lines.push(row(['all', '', '', ...energies(measurement.baseline_kwh, measurement.metered_kwh)]), '');
    for (const { vehicle, baseline_kwh: baseline, metered_kwh: metered } of measurement.cars) {
      lines.push(row([vehicle, '', '', ...energies(baseline, metered)]));
    }
    lines.push('', `Baseline: ${measurement.method_text}. Shed is baseline minus metered.`);
    lines.push(
      `Plan after ${seconds(measurement.plan_seconds)}, load below the baseline after ${seconds(measurement.response_seconds)}.`,
    );
  }
  for (const { name, sent_at: sentAt } of event.reports) lines.push(`Report ${name}: ${sentAt ?? 'not sent yet'}`);
  return `${lines.join('\n')}\n`;
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
