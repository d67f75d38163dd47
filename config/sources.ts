import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { CONFIG_KEY_NAMES, CONFIG_KEYS, isConfigKeyName, type ConfigKey, type ConfigKeyName } from './keys.ts';
import { codeOf, messageOf } from '../domain/thrown.ts';
import { nearest } from './nearest.ts';

/** Names the config file; set but empty: no file is read, not even the default one. */
export const CONFIG_FILE_ENV = 'NIGHTSHIFT_CONFIG';
const DEFAULT_CONFIG_FILE = 'nightshift.yaml';

/** A value as one source gave it, not yet validated. */
export interface SourcedValue {
  readonly value: unknown;
  /** As a person would name it: `NIGHTSHIFT_API_PORT`, or the path of the file. */
  readonly source: string;
  /** Folder that a relative path in `value` is meant against. */
  readonly folder: string;
}

export interface SourcedValues {
  readonly values: ReadonlyMap<ConfigKeyName, SourcedValue>;
  readonly problems: readonly string[];
}

/** Reads the config file. Only the default file may be absent. */
export function readFileValues(env: NodeJS.ProcessEnv, cwd: string): SourcedValues {
  const named = env[CONFIG_FILE_ENV];
  if (named === '') return { values: new Map(), problems: [] };
  const path = resolve(cwd, named ?? DEFAULT_CONFIG_FILE);
  let content: unknown;
  try {
    // YAML is a superset of JSON, so one parser reads both.
    content = parse(readFileSync(path, 'utf8')) ?? {};
  } catch (error) {
    if (named === undefined && codeOf(error) === 'ENOENT') return { values: new Map(), problems: [] };
    return { values: new Map(), problems: [`${path}: cannot be read: ${messageOf(error)}`] };
  }
  if (!isRecord(content)) return { values: new Map(), problems: [`${path}: must hold a map of keys`] };

  const values = new Map<ConfigKeyName, SourcedValue>();
  const problems: string[] = [];
  for (const [key, value] of leaves(content)) {
    if (isConfigKeyName(key)) values.set(key, { value, source: path, folder: dirname(path) });
    else problems.push(`${key} (${path}): unknown key${suggestion(key, CONFIG_KEY_NAMES)}`);
  }
  return { values, problems };
}

/** Reads the environment. An empty variable counts as unset, as shells and container files leave them behind. */
export function readEnvValues(env: NodeJS.ProcessEnv, cwd: string): SourcedValues {
  const keyOfVariable = new Map(CONFIG_KEY_NAMES.map((key) => [CONFIG_KEYS[key].env as string, key]));
  const values = new Map<ConfigKeyName, SourcedValue>();
  const problems: string[] = [];
  for (const [variable, value] of Object.entries(env)) {
    const key = keyOfVariable.get(variable);
    if (key !== undefined && value) {
      values.set(key, { value: fromText(CONFIG_KEYS[key], value), source: variable, folder: cwd });
    }
    if (key === undefined && variable.startsWith('NIGHTSHIFT_') && variable !== CONFIG_FILE_ENV) {
      problems.push(`${variable}: unknown variable${suggestion(variable, [...keyOfVariable.keys(), CONFIG_FILE_ENV])}`);
    }
  }
  return { values, problems };
}

/** Variables are text; a key that takes a number and no text gets one, and text that is none is left for the schema to refuse. */
function fromText({ schema }: ConfigKey, value: string): unknown {
  if (!/^-?\d+(\.\d+)?$/.test(value) || schema.safeParse(value).success) return value;
  return Number(value);
}

/** `{ api: { port: 1 } }` and `{ 'api.port': 1 }` both yield `['api.port', 1]`. */
function* leaves(content: Record<string, unknown>, prefix = ''): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(content)) {
    const key = prefix + name;
    if (isRecord(value)) yield* leaves(value, `${key}.`);
    else if (value !== null) yield [key, value];
  }
}

function suggestion(name: string, known: readonly string[]): string {
  const candidate = nearest(name, known);
  return candidate === undefined ? '' : `; did you mean ${candidate}?`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
