import { z } from 'zod';
import { HARDWARE_CLASSES, type SimulatedClass } from '../../domain/hardwareClasses.ts';
import { ownerPolicySchema } from '../../domain/vehicles.ts';
import { CAR_MODELS, type CarModelName } from '../../scheduler/energy/carModels.ts';
import { DEPARTURE_MANNERS } from '../../simulator/mobility.ts';

const id = z.string().regex(/^[a-z0-9-]+$/, 'must be lower-case letters, digits and "-"');
/** Epoch ms. */
const instant = z.iso.datetime().transform((text) => Date.parse(text));
/** One value per UTC hour. */
const curve = z.array(z.number()).length(24);

const feederSchema = z.strictObject({
  id,
  /** Of the whole feeder, house load included. Left out where only a utility's server tells it. */
  importLimitKw: z.number().min(0).optional(),
  failSafeImportKw: z.number().min(0),
  houseLoadKw: curve,
  /** Limits that become known only later. */
  revisions: z
    .array(z.strictObject({ announcedAt: instant, start: instant, end: instant, importLimitKw: z.number().min(0) }))
    .default([]),
});

const regionSchema = z.strictObject({
  id,
  timeZone: z.string(),
  priceEurPerKwh: curve,
  carbonGPerKwh: curve,
  temperatureC: curve,
  feeders: z.array(feederSchema).min(1),
});

/** A utility that has a server of its own, and what it asks for in the night. */
const utilitySchema = z.strictObject({
  id,
  region: id,
  feeders: z.array(id).min(1),
  event: z.strictObject({
    name: z.string(),
    announcedAt: instant,
    start: instant,
    end: instant,
    /** Of the feeders together. */
    importLimitKw: z.number().min(0),
  }),
});

const tripSchema = z.strictObject({
  leaves: instant,
  waitsForComputingUntil: instant.optional(),
  manner: z.enum(DEPARTURE_MANNERS),
  awayMinutes: z.number().positive().optional(),
  consumesSocPercent: z.number().min(0).max(100).default(0),
});

const carSchema = z.strictObject({
  vin: z.string().regex(/^[A-HJ-NPR-Z0-9]{17}$/, 'must be 17 letters and digits without I, O and Q'),
  name: z.string(),
  owner: id,
  feeder: id,
  model: keysOf<CarModelName>(CAR_MODELS),
  class: keysOf<SimulatedClass>(HARDWARE_CLASSES),
  plugKw: z.number().positive(),
  firmware: z.enum(['typed', 'untyped']),
  asleep: z.boolean().default(false),
  ignoredWakes: z.number().int().min(0).default(0),
  /** A car that lies: its answers have the right form and come from no model. */
  answers: z.literal('invented').optional(),
  /** When it first comes to its plug; left out: it is there at the start. */
  arrives: instant.optional(),
  socPercent: z.number().min(0).max(100),
  policy: ownerPolicySchema.omit({ timeZone: true, computeOptIn: true }),
  /** Folder of data sets that its agent offers to train on. */
  ownDataFolder: z.string().optional(),
  trips: z.array(tripSchema),
  /** What the owner decides in the night. */
  optsOut: z.strictObject({ at: instant, until: instant }).optional(),
  outages: z.array(z.strictObject({ kind: z.enum(['coverage', 'power']), start: instant, end: instant })).default([]),
});

/** A scripted night as its YAML file has it; demo/night/winter-night.yaml is one. */
export const nightFileSchema = z.strictObject({
  scenario: id,
  seed: z.number().int(),
  start: instant,
  end: instant,
  /** Grid seconds that pass in one real second. */
  scale: z.number().positive(),
  /** Down to which the night slows on a machine that cannot bear `scale`; left out: it never does. */
  slowestScale: z.number().positive().optional(),
  /** Days on which cars leave, come back and stay for a night again, once the night is over. */
  daysAfter: z.number().int().min(0).max(400).default(0),
  /** What the cars' telemetry config asks for: a changed value at most this often, gear and plug excepted. */
  telemetryIntervalSeconds: z.number().int().positive(),
  batch: z.strictObject({ requests: z.number().int().positive(), deadline: instant }),
  /** What the batch is instead where the night is given a chat model; its `scale` is at most this one. */
  chat: z
    .strictObject({
      requests: z.number().int().positive(),
      maxTokens: z.number().int().positive(),
      scale: z.number().positive(),
    })
    .optional(),
  regions: z.array(regionSchema).min(1),
  utility: utilitySchema.optional(),
  cars: z.array(carSchema).min(1),
});
export type NightFile = z.infer<typeof nightFileSchema>;
export type NightRegion = NightFile['regions'][number];
export type NightFeeder = NightRegion['feeders'][number];
export type NightChat = NonNullable<NightFile['chat']>;
export type NightUtility = NonNullable<NightFile['utility']>;
export type NightCar = NightFile['cars'][number];

function keysOf<Key extends string>(table: Readonly<Record<Key, unknown>>) {
  return z.string().refine((name): name is Key => Object.hasOwn(table, name), {
    error: `must be one of ${Object.keys(table).join(', ')}`,
  });
}
