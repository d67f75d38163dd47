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

const value = z.union([z.number(), text, z.boolean(), z.object({ x: z.number(), y: z.number() })]);
const payload = z.object({ type: id, values: z.array(value).max(MAX_VALUES) });
export type WirePayload = z.output<typeof payload>;

/** `payLoadType` is what one widespread server writes. */
function respelled(item: unknown): unknown {
  if (typeof item !== 'object' || item === null || !('payLoadType' in item) || 'payloadType' in item) return item;
  return { ...item, payloadType: item.payLoadType };
}

const payloadDescriptor = z.preprocess(
  respelled,
  z.object({ payloadType: id, units: optional(text), currency: optional(text) }),
);
export type WirePayloadDescriptor = z.output<typeof payloadDescriptor>;

const count = (otherwise: number) =>
  z
    .number()
    .int()
    .nullish()
    .transform((read) => read ?? otherwise);

const reportDescriptor = z.preprocess(
  respelled,
  z.object({
    payloadType: id,
    readingType: optional(id),
    units: optional(text),
    targets: listOf(text, 1_000),
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
export type WireReportDescriptor = z.output<typeof reportDescriptor>;

const interval = z.object({ id: z.number().int(), intervalPeriod: period, payloads: listOf(payload, 1_000) });
export type WireInterval = z.output<typeof interval>;

const stamped = { id, modificationDateTime: optional(text) };

export const wireEventSchema = z.object({
  ...stamped,
  programID: id,
  eventName: optional(text),
  duration: optional(duration),
  priority: z
    .number()
    .int()
    .nullish()
    .transform((read) => read ?? null),
  targets: listOf(text, 1_000),
  reportDescriptors: listOf(reportDescriptor, 100),
  payloadDescriptors: listOf(payloadDescriptor, 100),
  intervalPeriod: period,
  intervals: listOf(interval, MAX_INTERVALS),
});
export type WireEvent = z.output<typeof wireEventSchema>;

export const wireProgramSchema = z.object({
  ...stamped,
  programName: text,
  payloadDescriptors: listOf(payloadDescriptor, 100),
});

/** Of a ven or resource only what a VEN reads: its id and what the utility granted it. */
export const wireVenSchema = z.object({
  ...stamped,
  venName: text,
  targets: listOf(text, 1_000),
  attributes: z.unknown().optional(),
});
export const wireResourceSchema = z.object({
  ...stamped,
  resourceName: text,
  venID: optional(text),
  targets: listOf(text, 1_000),
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
