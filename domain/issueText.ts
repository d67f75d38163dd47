import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** How zod's own texts begin, which a schema's own never do. */
const OF_ZOD = /^(Invalid|Too small|Too big|Unrecognized key)/;
const NO_MORE = 'is not as it must be';
/** A caller's text stands in a message up to here. */
const SHOWN_CHARACTERS = 60;
const SHOWN_CHOICES = 40;

/**
 * What is wrong with a value, to be read after the name of its field, e.g. "must be at least 20". Where the schema has a text
 * of its own it is that one; zod's are for whoever writes schemas, not for those who fill them in.
 */
export function issueText(issue: Issue | undefined): string {
  if (issue === undefined) return NO_MORE;
  if (!OF_ZOD.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return typeText(issue);
    case 'invalid_value':
      return `must be ${choiceText(issue.values)}`;
    case 'too_small':
      return sizeText(issue.origin, 'least', issue.minimum, issue);
    case 'too_big':
      return sizeText(issue.origin, 'most', issue.maximum, issue);
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return formatText(issue);
    case 'unrecognized_keys':
      return `has no field ${issue.keys.map((key) => JSON.stringify(key.slice(0, SHOWN_CHARACTERS))).join(', ')}`;
    case 'invalid_union':
      return unionText(issue);
    case 'invalid_key':
      return `has a name that ${issueText(issue.issues[0])}`;
    case 'invalid_element':
      return `has an entry that ${issueText(issue.issues[0])}`;
    case 'custom':
      return NO_MORE;
    default:
      issue satisfies never;
      return NO_MORE;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  bigint: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  set: 'a list',
  object: 'an object',
  record: 'an object',
  map: 'an object',
  null: 'null',
};

function typeText({ expected, message }: z.core.$ZodIssueInvalidType): string {
  // Only zod's text says what came instead.
  const received = /received (\w+)$/.exec(message)?.[1];
  if (received === 'undefined') return 'is missing';
  if (expected === 'never') return 'must not be there';
  return `must be ${TYPES[expected] ?? expected}`;
}

function choiceText(values: readonly unknown[]): string {
  const shown = values
    .slice(0, SHOWN_CHOICES)
    .map((value) => (typeof value === 'string' ? `"${value}"` : String(value)));
  if (values.length > SHOWN_CHOICES) shown.push(`one of ${values.length - SHOWN_CHOICES} more`);
  const last = shown.pop() ?? '';
  return shown.length === 0 ? last : `${shown.join(', ')} or ${last}`;
}

const COUNTED: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['entry', 'entries'],
  set: ['entry', 'entries'],
  map: ['entry', 'entries'],
  object: ['field', 'fields'],
  file: ['byte', 'bytes'],
};

function sizeText(
  origin: string,
  side: 'least' | 'most',
  limit: number | bigint,
  {
    inclusive = true,
    exact = false,
  }: { readonly inclusive?: boolean | undefined; readonly exact?: boolean | undefined },
): string {
  const counted = COUNTED[origin];
  if (counted) {
    if (side === 'least' && Number(limit) === 1 && !exact) return 'must not be empty';
    const what = `${limit} ${Number(limit) === 1 ? counted[0] : counted[1]}`;
    return exact ? `must have exactly ${what}` : `must have at ${side} ${what}`;
  }
  if (exact) return `must be ${limit}`;
  if (inclusive) return `must be at ${side} ${limit}`;
  return `must be ${side === 'least' ? 'above' : 'below'} ${limit}`;
}

const FORMATS: Readonly<Record<string, string>> = {
  email: 'an email address',
  url: 'a URL',
  uuid: 'a UUID',
  datetime: 'a time (ISO 8601), e.g. 2026-01-11T07:30:00Z',
  date: 'a date, e.g. 2026-01-11',
  time: 'a time of day, e.g. 07:30:00',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
  base64: 'base64',
  base64url: 'base64url',
};

function formatText(issue: z.core.$ZodIssueInvalidStringFormat): string {
  const { format, prefix, suffix, includes, pattern } = {
    prefix: undefined,
    suffix: undefined,
    includes: undefined,
    ...issue,
  };
  if (format === 'starts_with') return `must begin with "${prefix}"`;
  if (format === 'ends_with') return `must end with "${suffix}"`;
  if (format === 'includes') return `must contain "${includes}"`;
  const known = FORMATS[format];
  if (known !== undefined) return `must be ${known}`;
  return pattern === undefined ? NO_MORE : `must have the form ${pattern}`;
}

/** Of the ways in which a value fails, the one that got furthest says most; when none did, all forms are named. */
function unionText(issue: z.core.$ZodIssueInvalidUnion): string {
  const options = 'options' in issue ? issue.options : undefined;
  if (options !== undefined && options.length > 0) return `must be ${choiceText(options)}`;
  const first = issue.errors.map(([each]) => each).filter((each) => each !== undefined);
  const furthest = first.reduce<Issue | undefined>(
    (most, each) => (each.path.length > (most?.path.length ?? 0) ? each : most),
    undefined,
  );
  if (furthest) return `at ${furthest.path.join('.')}: ${issueText(furthest)}`;
  const texts = [...new Set(first.map(issueText))];
  const must = texts.filter((text) => text.startsWith('must be ')).map((text) => text.slice('must be '.length));
  if (must.length !== texts.length || must.length === 0) return texts.join(', or ') || NO_MORE;
  const last = must.pop() ?? '';
  return `must be ${must.length === 0 ? last : `${must.join(', ')} or ${last}`}`;
}
