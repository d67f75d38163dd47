import { z } from 'zod';

/** OpenADR 3.1 objects as we send them: exactly what the specification allows, and never more. */

const name = z.string().min(1).max(128);
const objectId = z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/);
const dateTime = z.iso.datetime();
const duration = z.string().regex(/^P(?=\d|T\d)(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$/);
const period = z.strictObject({ start: dateTime, duration });
const value = z.union([z.number(), z.string()]);
const valuesMap = z.strictObject({ type: name, values: z.array(value) });
const attributes = z.array(
  z.strictObject({
    type: name,
    values: z.array(z.union([z.number(), z.string(), z.strictObject({ x: z.number(), y: z.number() })])),
  }),
);

export const venBodySchema = z.strictObject({ objectType: z.literal('VEN_VEN_REQUEST'), venName: name, attributes });
export type VenBody = z.output<typeof venBodySchema>;

export const resourceBodySchema = z.strictObject({
  objectType: z.literal('VEN_RESOURCE_REQUEST'),
  resourceName: name,
  venID: objectId,
  attributes,
});
export type ResourceBody = z.output<typeof resourceBodySchema>;

export const subscriptionBodySchema = z.strictObject({
  clientName: name,
  objectOperations: z
    .array(
      z.strictObject({
        objects: z.array(z.enum(['PROGRAM', 'EVENT'])),
        operations: z.array(z.enum(['CREATE', 'UPDATE', 'DELETE'])),
        callbackUrl: z.url().max(8_000),
        bearerToken: z.string().min(1),
      }),
    )
    .min(1),
});
export type SubscriptionBody = z.output<typeof subscriptionBodySchema>;

export const reportBodySchema = z.strictObject({
  eventID: objectId,
  clientName: name,
  reportName: z.string().min(1),
  payloadDescriptors: z.array(
    z.strictObject({
      objectType: z.literal('REPORT_PAYLOAD_DESCRIPTOR'),
      payloadType: name,
      readingType: name,
      units: name.optional(),
    }),
  ),
  resources: z.array(
    z.strictObject({
      resourceName: name,
      intervalPeriod: period,
      intervals: z.array(z.strictObject({ id: z.int32(), intervalPeriod: period, payloads: z.array(valuesMap) })),
    }),
  ),
});
export type ReportBody = z.output<typeof reportBodySchema>;
