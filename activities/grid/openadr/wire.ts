import { z } from 'zod';
import { parseWireDuration, parseWireStart } from './wireTime.ts';

/**
 * OpenADR 3.1 objects as servers send them. Tolerant of what is seen in the field: null for "left out", other spellings
 * of a key, times without seconds or zone, unknown fields. What goes out is in outgoing.ts, and strict.
 */

const MAX_INTERVALS = 10_000;
const MAX_VALUES = 10_000;
const MAX_TEXT = 8_000;
const QUOTED_CHARACTERS = 80;

const text = z.string().max(MAX_TEXT);
const id = z.string().min(1).max(128);

/** Null is how many servers write "left out". */
function optional<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullish().transform((value) => value ?? undefined);
}

function listOf<Schema extends z.ZodType>(schema: Schema, most: number) {
  return z
    .array(schema)
    .max(most)
    .nullish()
    .transform((items) => items ?? []);
}

function parsed<Value>(parse: (text: string) => Value | undefined, wanted: string) {
  return text.transform((value, context): Value => {
    const read = parse(value);
    if (read !== undefined) return read;
    const shown = JSON.stringify(value.slice(0, QUOTED_CHARACTERS));
    context.addIssue({ code: 'custom', message: `${shown} is not ${wanted}` });
    return z.NEVER;
  });
}

const start = parsed(parseWireStart, 'an instant');
const duration = parsed(parseWireDuration, 'a duration of ISO 8601 from zero up');

const stated = z.object({ start: optional(start), duration: optional(duration), randomizeStart: optional(duration) });
const period = stated.nullish().transform((value): Partial<z.output<typeof stated>> => value ?? {});

/** In 3.1 a list of texts; in 3.0 objects with a type and such a list. What is neither names nobody. */
const targets = z
  .array(z.unknown())
  .max(1_000)
  .nullish()
  .transform((items) => [...new Set((items ?? []).flatMap(targetNames))]);

function targetNames(item: unknown): string[] {
  if (typeof item === 'string') return [item];
  const values: unknown = typeof item === 'object' && item !== null && 'values' in item ? item.values : [];
  return Array.isArray(values) ? values.filter((value) => typeof value === 'string') : [];
}

/** What is wrong with a part of an object that is kept in its place, so that it takes no other part with it. */
interface Unreadable {
  readonly problem?: string;
}

/** Items of which one that cannot be read is replaced by what `unreadable` makes of it. */
function eachOf<Item>(schema: z.ZodType<Item>, most: number, unreadable: (sent: unknown, problem: string) => Item) {
  return listOf(z.unknown(), most).transform((items) =>
    items.map((sent): Item => {
      const result = readWire(schema, sent);
      return 'read' in result ? result.read : unreadable(sent, result.problem);
    }),
  );
}

const statedPayload = z.object({ type: id, values: listOf(z.unknown(), MAX_VALUES) });
/** Values are checked one by one where they are used. */
export type WirePayload = z.output<typeof statedPayload> & Unreadable;

function unreadablePayload(sent: unknown, problem: string): WirePayload {
  return { type: shortText(sent, 'type') ?? UNREADABLE, values: [], problem };
}

/** Stands for the type of a payload that names none. */
export const UNREADABLE = 'unreadable';

function shortText(sent: unknown, key: string): string | undefined {
  if (typeof sent !== 'object' || sent === null) return undefined;
  return id.safeParse(Object.entries(sent).find(([name]) => name === key)?.[1]).data;
}

/** `payLoadType` is what one widespread server writes. */
function respelled(item: unknown): unknown {
  if (typeof item !== 'object' || item === null || !('payLoadType' in item) || 'payloadType' in item) return item;
  return { ...item, payloadType: item.payLoadType };
}

const statedDescriptor = z.preprocess(
  respelled,
  // `problem` as it was stored with a descriptor that could not be read.
  z.object({ payloadType: id, units: optional(text), currency: optional(text), problem: text.optional() }),
);
export type WirePayloadDescriptor = z.output<typeof statedDescriptor>;

const payloadDescriptors = eachOf<WirePayloadDescriptor>(statedDescriptor, 100, (sent, problem) => {
  const payloadType = shortText(respelled(sent), 'payloadType') ?? UNREADABLE;
  return { payloadType, units: undefined, currency: undefined, problem };
});

const count = (otherwise: number) =>
  z
    .number()
    .int()
    .nullish()
    .transform((read) => read ?? otherwise);

const statedReportDescriptor = z.preprocess(
  respelled,
  z.object({
    payloadType: id,
    readingType: optional(id),
    units: optional(text),
    targets,
    aggregate: z
      .boolean()
      .nullish()
      .transform((read) => read ?? false),
    startInterval: count(-1),
    numIntervals: count(-1),
    historical: z
      .boolean()
      .nullish()
      .transform((read) => read ?? true),
    /** Intervals between reports; some servers write a duration. */
    frequency: z
      .union([z.number().int(), duration])
      .nullish()
      .transform((read) => read ?? -1),
    repeat: count(1),
    reportIntervals: z
      .enum(['INTERVALS', 'SUB_INTERVALS', 'OPEN_INTERVALS'])
      .nullish()
      .transform((read) => read ?? 'INTERVALS'),
  }),
);
export type WireReportDescriptor = z.output<typeof statedReportDescriptor> & Unreadable;

const reportDescriptors = eachOf<WireReportDescriptor>(statedReportDescriptor, 100, (sent, problem) => {
  const payloadType = shortText(respelled(sent), 'payloadType') ?? UNREADABLE;
  return { ...statedReportDescriptor.parse({ payloadType }), problem };
});

const interval = z.object({
  id: z.number().int(),
  intervalPeriod: period,
  payloads: eachOf<WirePayload>(statedPayload, 1_000, unreadablePayload),
});
export type WireInterval = z.output<typeof interval>;

const stamped = { id, modificationDateTime: optional(text) };

export const wireEventSchema = z.object({
  ...stamped,
  programID: id,
  eventName: optional(text),
  duration: optional(duration),
  priority: z
    .union([
      z.number().int(),
      z
        .string()
        .regex(/^-?\d{1,9}$/, 'must be a whole number')
        .transform(Number),
    ])
    .nullish()
    .transform((read) => read ?? null),
  targets,
  reportDescriptors,
  payloadDescriptors,
  intervalPeriod: period,
  intervals: listOf(interval, MAX_INTERVALS),
});
export type WireEvent = z.output<typeof wireEventSchema>;

export const wireProgramSchema = z.object({
  ...stamped,
  programName: text,
  payloadDescriptors,
});

/** Of a ven or resource only what a VEN reads: its id, whose it is, and what the utility granted it. */
export const wireVenSchema = z.object({
  ...stamped,
  venName: text,
  clientID: optional(text),
  targets,
  attributes: z.unknown().optional(),
});
export const wireResourceSchema = z.object({
  ...stamped,
  resourceName: text,
  venID: optional(text),
  targets,
  attributes: z.unknown().optional(),
});
export const wireReportSchema = z.object({ ...stamped, reportName: optional(text) });
export const wireSubscriptionSchema = z.object({
  ...stamped,
  objectOperations: listOf(z.object({ callbackUrl: text, bearerToken: optional(text) }), 100),
});
export const wireTokenSchema = z.object({
  access_token: z.string().min(1).max(16_384),
  expires_in: optional(z.number().positive()),
});
export const wireTokenServerSchema = z.object({ tokenURL: text });
export const wireNotifiersSchema = z.object({
  MQTT: optional(
    z.object({
      URIS: z.array(text).min(1).max(20),
      authentication: z.object({
        method: z.string(),
        username: optional(text),
        caCert: optional(text),
        clientCert: optional(text),
        clientKey: optional(text),
      }),
    }),
  ),
});
export const wireTopicsSchema = z.object({ topics: z.record(z.string(), z.string().max(1_000)) });

/**
 * Reads one object.
 * @returns the object, or in words what is wrong with it: one bad object must not keep the others from being taken
 */
export function readWire<Schema extends z.ZodType>(
  schema: Schema,
  sent: unknown,
): { readonly read: z.output<Schema> } | { readonly problem: string } {
  const result = schema.safeParse(sent);
  if (result.success) return { read: result.data };
  const [issue] = result.error.issues;
  return { problem: `${issue?.path.join('.') || 'object'}: ${issue?.message ?? 'not readable'}` };
}
