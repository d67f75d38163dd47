import { z } from 'zod';

/** How a class sheds its heat: by the car's loop, whose power depends on the weather, or within its own chip power. */
const COOLINGS = ['car_loop', 'included'] as const;
/** As ONNX Runtime calls them, the first that works is used; `cpu` works everywhere. */
export const EXECUTION_PROVIDERS = ['cpu', 'cuda', 'tensorrt', 'coreml'] as const;
export type ExecutionProvider = (typeof EXECUTION_PROVIDERS)[number];

/** Names task queues, so that it keeps to their alphabet. */
export const hardwareClassId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be up to 40 lower-case letters, digits and "-"');

/** A kind of inference computer. Classes are data: operators add their own beside those that are here from the start. */
export const hardwareClassSchema = z.strictObject({
  id: hardwareClassId,
  /** The computer alone at full speed, without cooling and awake load, kW. */
  chipKw: z.number().positive().max(100),
  /** What is drawn for being awake, kW; charged to compute, since a car would else sleep. */
  awakeKw: z.number().min(0).max(10),
  cooling: z.enum(COOLINGS),
  providers: z.array(z.enum(EXECUTION_PROVIDERS)).min(1).max(EXECUTION_PROVIDERS.length),
  /** What the agent's probe measures on such a computer; null: not known. */
  probeGflops: z.number().positive().nullable().default(null),
  /** What models may take of its memory, MiB; null: not known, and every model is taken. */
  memoryMb: z.number().int().min(64).max(10_000_000).nullable().default(null),
  source: z.string().min(1).max(200),
  /** No maker or measurement confirms the figures. */
  assumed: z.boolean().default(false),
});
export type HardwareClassSpec = z.output<typeof hardwareClassSchema>;

/** The id of a class. */
export type HardwareClass = string;

/**
 * The inference computers that simulated cars carry; every database starts with them. Chip power is the computer alone,
 * without cooling and awake load. Figures that are `assumed` are not confirmed by any maker.
 */
export const HARDWARE_CLASSES = {
  hw3: { chipKw: 0.072, source: 'published: two chips of 36 W' },
  ai4: { chipKw: 0.16, source: 'unverified report', assumed: true },
  ai5: { chipKw: 0.8, source: 'unverified announcement', assumed: true },
} as const satisfies Record<string, { chipKw: number; source: string; assumed?: true }>;

/** A class that simulated cars may have. */
export type SimulatedClass = keyof typeof HARDWARE_CLASSES;
export const SIMULATED_CLASSES: readonly SimulatedClass[] = ['hw3', 'ai4', 'ai5'];

/** @throws RangeError for a class that simulated cars do not have */
export function simulatedClass(id: HardwareClass): SimulatedClass {
  const found = SIMULATED_CLASSES.find((each) => each === id);
  if (found === undefined) throw new RangeError(`no simulated car has a computer of class ${id}`);
  return found;
}
