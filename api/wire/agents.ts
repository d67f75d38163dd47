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
    compute_soc_floor_percent: z.number().meta({ description: 'The owner’s: no compute below.' }),
  })
  .openapi('AgentSettings');
export type AgentSettingsWire = z.infer<typeof agentSettingsSchema>;

export const enrolmentCodeSchema = z
  .object({ car_id: z.string(), code: z.string(), expires_at: z.number().int() })
  .openapi('EnrolmentCode');
export type EnrolmentCodeWire = z.infer<typeof enrolmentCodeSchema>;

export const carKeySchema = z.object({ car_id: z.string(), key: z.string() }).openapi('CarKey');
