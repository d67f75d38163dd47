import { z } from 'zod';

import { chatCompletionRequestSchema, completionRequestSchema } from '../domain/generation.ts';
import type { OpenAiEndpoint } from '../domain/models.ts';
import { responseRequestSchema } from '../domain/responses.ts';
import { rerankRequestSchema } from '../inference/runner/rerank.ts';
import { moderationRequestSchema } from '../inference/runner/textClassification.ts';
import { embeddingRequestSchema } from '../inference/runner/textEmbedding.ts';

/** The very schemas by which requests are read. */
const SCHEMAS: Readonly<Record<OpenAiEndpoint, z.ZodType>> = {
  '/v1/chat/completions': chatCompletionRequestSchema,
  '/v1/completions': completionRequestSchema,
  '/v1/responses': responseRequestSchema,
  '/v1/embeddings': embeddingRequestSchema,
  '/v1/moderations': moderationRequestSchema,
  '/v1/rerank': rerankRequestSchema,
};

type Json = z.core.JSONSchema.BaseSchema;

/** docs/parameters.md: every field that a request may have, and its values. */
export function renderParameterDocs(): string {
  return `# Parameters

Every field that the endpoints take, live and in batches, with its values. Any other field is refused by its name: what is
ignored would make another answer than the one that was asked for. \`null\` stands for a field that is not given.

Made from the schemas by which requests are read (\`npx tsx build/write-parameter-docs.ts\`). What fields mean beyond
OpenAI's own words is in [generation](generation.md) and [models](models.md).
${Object.entries(SCHEMAS)
  .map(([endpoint, schema]) => section(endpoint, schema))
  .join('')}`;
}

function section(endpoint: string, schema: z.ZodType): string {
  // Fields that can only be told in code are told by their name alone.
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const rows = Object.entries(properties).map(([name, field]) => {
    const isRequired = required.includes(name) ? ' (required)' : '';
    return `| \`${name}\`${isRequired} | ${valuesOf(field).replaceAll('|', '\\|')} |\n`;
  });
  return `\n## \`${endpoint}\`\n\n| field | values |\n|---|---|\n${rows.join('')}`;
}

function valuesOf(schema: Json | boolean): string {
  if (typeof schema === 'boolean') return 'anything';
  const ways = schema.anyOf ?? schema.oneOf;
  if (ways) {
    const values = ways.map(valuesOf).filter((values) => values !== 'null');
    return [...new Set(values)].join(', or ');
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(', ');
  const types = [schema.type ?? 'anything'].flat().filter((type) => type !== 'null');
  if (types.includes('object')) return objectOf(schema);
  if (types.includes('array')) return arrayOf(schema);
  if (types.includes('string') && schema.minLength === 1 && schema.maxLength === undefined) return 'text, not empty';
  if (types.includes('string')) return `text${between(schema.minLength, schema.maxLength, ' characters')}`;
  if (types.includes('integer') || types.includes('number')) {
    const kind = types.includes('integer') ? 'whole number' : 'number';
    const least =
      schema.minimum ?? (schema.exclusiveMinimum === undefined ? undefined : `above ${schema.exclusiveMinimum}`);
    const isAnyWhole = schema.minimum === Number.MIN_SAFE_INTEGER;
    return isAnyWhole ? kind : `${kind}${between(least, schema.maximum)}`;
  }
  return types[0] ?? 'null';
}

function objectOf({ properties, required = [], additionalProperties }: Json): string {
  if (!properties)
    return typeof additionalProperties === 'object'
      ? `object of ${valuesOf(additionalProperties)}`.replace(/ of anything$/, '')
      : 'object';
  const fields = Object.entries(properties).map(([name, field]) => {
    return `\`${name}\`${required.includes(name) ? '' : '?'}: ${valuesOf(field)}`;
  });
  return `{ ${fields.join('; ')} }`;
}

function arrayOf({ items, minItems, maxItems }: Json): string {
  const item = Array.isArray(items) || items === undefined ? 'anything' : valuesOf(items);
  return `list, ${between(minItems, maxItems).trim()}: ${item}`.replace('list, :', 'list of');
}

/** Limits as people say them. */
function between(least: number | string | undefined, most: number | undefined, unit = ''): string {
  const top = most === undefined || most >= Number.MAX_SAFE_INTEGER ? undefined : most.toLocaleString('en-US');
  if (top === undefined) return least === undefined || least === 0 ? '' : ` ${least} or more${unit}`;
  return least === undefined ? ` up to ${top}${unit}` : ` ${least} to ${top}${unit}`;
}
