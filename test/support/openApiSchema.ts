import { readFileSync } from 'node:fs';

import { parse } from 'yaml';

type Schema = Readonly<Record<string, unknown>>;

/** The official OpenAPI file of OpenADR 3.1. Tests run without it. */
const FILE = process.env['OPENADR_YAML'];

export const officialSchemas: Readonly<Record<string, Schema>> | undefined =
  FILE === undefined
    ? undefined
    : (parse(readFileSync(FILE, 'utf8')) as { components: { schemas: Record<string, Schema> } }).components.schemas;

/** What is wrong with a value by the official description, as far as it says anything about JSON. */
export function problemsOf(value: unknown, schema: Schema, path = ''): string[] {
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    return problemsOf(value, officialSchemas?.[reference.split('/').at(-1) ?? ''] ?? {}, path);
  }
  if (value === null && schema['nullable'] === true) return [];
  const all = list(schema['allOf']).flatMap((each) => problemsOf(value, each, path));
  const choices = list(schema['oneOf'] ?? schema['anyOf']);
  const fits = choices.filter((each) => problemsOf(value, each, path).length === 0).length;
  const mustBeOne = schema['oneOf'] !== undefined;
  const chosen =
    choices.length === 0 || (mustBeOne ? fits === 1 : fits > 0) ? [] : [`${path}: fits ${fits} of its forms`];
  return [...all, ...chosen, ...ownProblems(value, schema, path)];
}

function ownProblems(value: unknown, schema: Schema, path: string): string[] {
  const problems: string[] = [];
  const say = (isWrong: boolean, what: string): void => void (isWrong && problems.push(`${path}: ${what}`));
  const type = schema['type'];
  if (type === 'object' || schema['properties'] !== undefined) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}: is no object`];
    const fields = new Map<string, unknown>(Object.entries(value));
    for (const field of (schema['required'] as string[] | undefined) ?? []) say(!fields.has(field), `lacks ${field}`);
    const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
    for (const [name, each] of Object.entries(properties)) {
      if (fields.has(name)) problems.push(...problemsOf(fields.get(name), each, `${path}.${name}`));
    }
  }
  if (type === 'array') {
    if (!Array.isArray(value)) return [`${path}: is no array`];
    value.forEach((item, index) => problems.push(...problemsOf(item, schema['items'] as Schema, `${path}[${index}]`)));
  }
  if (type === 'string') {
    if (typeof value !== 'string') return [`${path}: is no string`];
    say(
      typeof schema['pattern'] === 'string' && !new RegExp(schema['pattern']).test(value),
      `${value} has another pattern`,
    );
    say(value.length < Number(schema['minLength'] ?? 0), 'is too short');
    say(value.length > Number(schema['maxLength'] ?? Number.POSITIVE_INFINITY), 'is too long');
    say(schema['format'] === 'date-time' && Number.isNaN(Date.parse(value)), `${value} is no time`);
    say(schema['format'] === 'uri' && !URL.canParse(value), `${value} is no URI`);
  }
  say(type === 'number' && typeof value !== 'number', 'is no number');
  say(type === 'integer' && !Number.isInteger(value), 'is no whole number');
  say(type === 'boolean' && typeof value !== 'boolean', 'is no boolean');
  const choices = schema['enum'];
  say(Array.isArray(choices) && !choices.includes(value), `${String(value)} is none of ${String(choices)}`);
  return problems;
}

function list(schemas: unknown): Schema[] {
  return Array.isArray(schemas) ? (schemas as Schema[]) : [];
}
