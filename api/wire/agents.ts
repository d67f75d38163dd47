import { z } from '@hono/zod-openapi';

/** What a car's agent is told when it presents the car's key: who it is, and where its doors are. */
export const agentSettingsSchema = z
  .object({
    car_id: z.string(),
    region_id: z.string(),
    hardware_class: z.string(),
    model_families: z.array(z.string()),
    clock: z.object({ origin_ms: z.number(), anchor_ms: z.number(), scale: z.number() }).meta({
      description: 'Maps real time to grid time; with scale 1 they are the same.',
    }),
    gateway: z.object({ address: z.string(), tls: z.boolean(), namespace: z.string() }),
    mqtt_url: z.string().meta({ description: 'User is the car’s id, password its key.' }),
    telemetry_base: z.string().meta({ description: 'Topic below which telemetry of cars is published.' }),
    compute_kw: z
      .number()
      .meta({ description: 'What such a computer draws at the plug while it computes, mild weather.' }),
    compute_soc_floor_percent: z.number().meta({ description: 'The owner’s: no compute below.' }),
  })
  .openapi('AgentSettings');
export type AgentSettingsWire = z.infer<typeof agentSettingsSchema>;

/** What the agent's probe measured. */
export const probeSchema = z
  .strictObject({
    gflops: z.number().positive().max(1e9),
    watts: z.number().min(0).max(100_000).nullable(),
    provider: z.string().max(40),
  })
  .openapi('Probe');

export const probeVerdictSchema = z
  .object({
    hardware_class: z.string(),
    agrees: z.boolean(),
    findings: z.array(z.string()),
    nearest_class: z.string().nullable().meta({ description: 'Of the classes whose speed is known.' }),
  })
  .openapi('ProbeVerdict');

export const enrolmentCodeSchema = z
  .object({ car_id: z.string(), code: z.string(), expires_at: z.number().int() })
  .openapi('EnrolmentCode');
export type EnrolmentCodeWire = z.infer<typeof enrolmentCodeSchema>;

export const carKeySchema = z.object({ car_id: z.string(), key: z.string() }).openapi('CarKey');
