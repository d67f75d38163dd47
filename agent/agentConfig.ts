import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { NightshiftError } from '../domain/errors.ts';
import { EXECUTION_PROVIDERS, hardwareClassId } from '../domain/hardwareClasses.ts';
import { issueText } from '../domain/issueText.ts';
import { slugSchema } from '../domain/models.ts';
import { messageOf } from '../domain/thrown.ts';

const path = z.string({ error: 'must be a path' }).min(1, 'must be a path');
const url = z.url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' });
const AS_ENROLLED = 'as `nightshift agent enrol` wrote it';

/** Where the agent's own power comes from. docs/agent.md */
const meterSchema = z.discriminatedUnion('source', [
  /** What the class is said to draw. */
  z.strictObject({ source: z.literal('modelled') }),
  /** A file of microwatts, such as /sys/class/hwmon/hwmon2/power1_input. */
  z.strictObject({ source: z.literal('hwmon'), path }),
  /** A folder with energy_uj, such as /sys/class/powercap/intel-rapl:0. */
  z.strictObject({ source: z.literal('rapl'), path: path.default('/sys/class/powercap/intel-rapl:0') }),
  z.strictObject({ source: z.literal('nvidia-smi'), gpu: z.number().int().min(0).default(0) }),
  /** The charger meters all that the plug gives: the agent reports no register of its own. */
  z.strictObject({ source: z.literal('charger') }),
]);
export type MeterConfig = z.output<typeof meterSchema>;

/** One number from a file or over HTTP. */
const sourceSchema = z.union([z.strictObject({ file: path }), z.strictObject({ http: url })]);
export type NumberSource = z.output<typeof sourceSchema>;

const agentConfigSchema = z.strictObject({
  /** Base URL of the HTTP API. */
  api: url,
  carId: z
    .string({ error: `must be given, ${AS_ENROLLED}` })
    .min(1)
    .max(64),
  /** In the clear, in a file that only the agent reads. */
  key: z
    .string({ error: `must be given, ${AS_ENROLLED}` })
    .min(16, `must have at least 16 characters, ${AS_ENROLLED}`)
    .max(200, `must have at most 200 characters, ${AS_ENROLLED}`),
  stateDir: path.default('state'),
  /** Where its part of jobs' traces goes to; left out: nowhere. The ratio is the cell's. */
  traces: z.strictObject({ url, ratio: z.number().min(0).max(1).default(0.1) }).optional(),
  /** Disk that model files may take; those that were not used for longest make room. */
  modelCacheBytes: z
    .number()
    .int()
    .min(64 * 1024 ** 2)
    .default(16 * 1024 ** 3),
  /** Of models whose shards it takes; left out: those that the car is enrolled for. */
  families: z.array(slugSchema).min(1).max(16).optional(),
  /** What this computer is believed to be; left out: as the car is enrolled. */
  hardwareClass: hardwareClassId.optional(),
  execution: z.strictObject({ provider: z.enum(EXECUTION_PROVIDERS).default('cpu') }).prefault({}),
  power: z
    .strictObject({
      meter: meterSchema.prefault({ source: 'modelled' }),
      /** What the meter does not see: board, fans, losses of the power supply, W. */
      overheadWatts: z.number().min(0).max(1_000).default(0),
    })
    .prefault({}),
  /** °C from the source, or thousandths of it from files of the kernel. Unreadable means too hot. */
  temperature: z
    .strictObject({
      from: sourceSchema,
      unit: z.enum(['celsius', 'millicelsius']).default('millicelsius'),
      stopAboveCelsius: z.number().min(-50).max(120),
      startBelowCelsius: z.number().min(-50).max(120),
    })
    .refine((limits) => limits.startBelowCelsius <= limits.stopAboveCelsius, {
      path: ['startBelowCelsius'],
      message: 'must not be above stopAboveCelsius',
    })
    .optional(),
  /** State of charge in percent; the owner's floor holds. Unreadable means empty. */
  battery: z.strictObject({ from: sourceSchema }).optional(),
  /** "Not now": while the file is there, or the URL answers anything but 0. Unreachable means not now. */
  hold: sourceSchema.optional(),
  /** A folder of data sets, `NAME.jsonl`, that it may train on without their leaving it; left out: it offers none. */
  ownData: z.strictObject({ folder: path }).optional(),
  /** Whose releases of the agent it takes; left out: nobody's. */
  releases: z
    .strictObject({
      /** Public keys, as `nightshift agent release key` prints them. */
      keys: z
        .array(z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be a key of `nightshift agent release key`'))
        .min(1)
        .max(16),
      /** How many of them must have signed a release. */
      threshold: z.number().int().min(1).max(16).default(1),
    })
    .refine(({ keys, threshold }) => threshold <= new Set(keys).size, {
      path: ['threshold'],
      message: 'must not be above the number of keys',
    })
    .optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});
export type AgentConfig = z.output<typeof agentConfigSchema>;

/**
 * Reads an agent's config file (YAML or JSON); a relative state folder is meant from the file's folder.
 * @throws NightshiftError `invalid_config`, one line for each problem: the field and its limit
 */
export async function readAgentConfig(file: string): Promise<AgentConfig> {
  let given: unknown;
  try {
    given = parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new NightshiftError('invalid_config', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  const parsed = agentConfigSchema.safeParse(given);
  if (parsed.success) {
    const { stateDir, ownData, ...others } = parsed.data;
    const from = (relative: string): string => resolve(dirname(file), relative);
    return { ...others, stateDir: from(stateDir), ...(ownData && { ownData: { folder: from(ownData.folder) } }) };
  }
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issueText(issue)}`);
  throw new NightshiftError('invalid_config', `${file} is not a valid agent config:\n  ${problems.join('\n  ')}`);
}
