import { DateTime } from 'luxon';
import type { OpenAdrEvent } from '../../../store/openAdrEvents.ts';
import { textOf } from './walkEvents.ts';
import type { WireEvent } from './wire.ts';

/** An event by the name that its utility gave it, else by its id. */
export function eventName(body: unknown, eventId: string): string {
  const name = textOf(body, 'eventName');
  return name === undefined ? `event ${eventId}` : `event ${JSON.stringify(name)}`;
}

/** An event in a few words: `event "Relief": IMPORT_CAPACITY_LIMIT 9 KW on lisbon-alfama from 22:30 to 23:30`. */
export function describeEvent(
  event: WireEvent,
  { eventId, feederIds, startMs, endMs }: Pick<OpenAdrEvent, 'eventId' | 'feederIds' | 'startMs' | 'endMs'>,
  timeZone: string,
): string {
  const local = (ms: number): string => DateTime.fromMillis(ms, { zone: timeZone }).toFormat('HH:mm');
  const types = [...new Set(event.intervals.flatMap(({ payloads }) => payloads.map(({ type }) => type)))];
  const payloads = types.map((type) => {
    const units = event.payloadDescriptors.find(({ payloadType }) => payloadType === type)?.units;
    return [type, valuesOf(event, type), ...(units === undefined ? [] : [units])].join(' ');
  });
  const when = startMs === null ? '' : ` from ${local(startMs)} ${endMs === null ? 'on' : `to ${local(endMs)}`}`;
  const asked = event.reportDescriptors.map(({ payloadType }) => payloadType);
  const wanted = asked.length === 0 ? '' : `; it asks for ${asked.join(', ')}`;
  return `${eventName(event, eventId)}: ${payloads.join(', ') || 'no payload'} on ${feederIds.join(', ')}${when}${wanted}`;
}

const MAX_VALUES = 3;

function valuesOf(event: WireEvent, type: string): string {
  const values = event.intervals.flatMap(({ payloads }) =>
    payloads.filter((payload) => payload.type === type).flatMap((payload) => payload.values),
  );
  if (new Set(values).size === 1) values.length = 1;
  const shown = values.slice(0, MAX_VALUES).map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  return `${shown.join(', ')}${values.length > MAX_VALUES ? ', …' : ''}`;
}
