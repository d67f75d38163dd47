import { z } from '@hono/zod-openapi';

export const keySchema = z
  .object({
    id: z.string(),
    tenant: z.string(),
    name: z.string(),
    scopes: z.array(z.string()),
    regions: z.array(z.string()).nullable().meta({ description: 'What the scope "grid" reaches.' }),
    requests_per_minute: z.number().int(),
    created_at: z.number().int(),
    revoked_at: z.number().int().nullable(),
    expires_at: z.number().int().nullable().meta({ description: 'When it ends by itself.' }),
    person: z.string().nullable().meta({ description: 'Who signed in to get it.' }),
  })
  .openapi('ApiKey');
export type ApiKeyWire = z.output<typeof keySchema>;

/** As it is made: the key itself is shown this once. */
export const newKeySchema = keySchema.extend({ key: z.string() });
