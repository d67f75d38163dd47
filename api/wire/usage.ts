import { z } from '@hono/zod-openapi';

import { bucketsOf } from './buckets.ts';

const result = z.object({
  object: z.string().meta({ description: 'organization.usage.completions.result, or of another kind.' }),
  input_tokens: z.number().int(),
  output_tokens: z.number().int().optional().meta({ description: 'Of completions.' }),
  input_cached_tokens: z.number().int().optional(),
  num_model_requests: z.number().int(),
  project_id: z.string().nullable(),
  user_id: z.string().nullable(),
  api_key_id: z.string().nullable(),
  model: z.string().nullable().meta({ description: 'With group_by=model.' }),
  batch: z.boolean().nullable().optional().meta({ description: 'Of completions, with group_by=batch.' }),
});

/** As OpenAI's `/v1/organization/usage/…`. */
export const usageSchema = bucketsOf(result).openapi('Usage');
