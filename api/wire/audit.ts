import { z } from '@hono/zod-openapi';

const changeSchema = z
  .object({
    seq: z.number().int(),
    at: z.string().meta({ description: 'Real time.' }),
    actor: z.string().meta({ description: '`key/<id>`, `owner/<id>`, or `person/<name>` of who signed in.' }),
    tenant: z.string().nullable(),
    method: z.string(),
    path: z.string(),
    body: z.unknown().meta({ description: 'As it was sent, without secrets; null where it was none or too long.' }),
    request_id: z.string(),
    status: z.number().int().nullable().meta({
      description: 'Of the answer; null where nobody knows whether the change was made.',
    }),
  })
  .openapi('AuditedChange');
export type ChangeWire = z.output<typeof changeSchema>;

export const changesSchema = z.object({ changes: z.array(changeSchema) });
