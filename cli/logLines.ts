import { z } from 'zod';
import type { Terminal } from './terminal.ts';

/** A line as a process wrote it; whatever is no JSON of ours counts as a plain text. */
export interface LogLine {
  readonly text: string;
  /** Real time, epoch ms; of a plain text, that of nothing: it stays where it is. */
  readonly atMs: number;
  readonly level: string;
  readonly name: string;
  readonly message: string;
  /** All else. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
const schema = z.looseObject({ time: z.string(), level: z.string(), name: z.string(), msg: z.string().default('') });
/** Of every line, and nothing that one would look for. */
const OMITTED: readonly string[] = ['pid', 'hostname'];

export function readLine(text: string): LogLine {
  const plain: LogLine = { text, atMs: 0, level: 'info', name: '', message: text, fields: {} };
  if (!text.startsWith('{')) return plain;
  try {
    const { time, level, name, msg: message, ...fields } = schema.parse(JSON.parse(text));
    return { text, atMs: Date.parse(time), level, name, message, fields };
  } catch {
    return plain;
  }
}

export class LogFilter {
  readonly #ids: Set<string>;
  readonly #name: string | undefined;
  readonly #least: number;
  readonly #sinceMs: number;

  constructor(wanted: {
    readonly ids: readonly string[];
    readonly name?: string | undefined;
    readonly level?: string | undefined;
    readonly sinceMs?: number | undefined;
  }) {
    this.#ids = new Set(wanted.ids);
    this.#name = wanted.name;
    this.#least = rankOf(wanted.level ?? 'trace');
    this.#sinceMs = wanted.sinceMs ?? 0;
  }

  /** To be asked in the order of time: a request that is looked for leads on to the job that it began. */
  takes(line: LogLine): boolean {
    const { level, name, atMs, fields } = line;
    const isAbout = this.#ids.size === 0 || this.#isAbout(fields);
    if (!isAbout) return false;
    const { requestId, jobId } = fields;
    if (typeof requestId === 'string' && this.#ids.has(requestId) && typeof jobId === 'string') this.#ids.add(jobId);
    return rankOf(level) >= this.#least && (this.#name === undefined || name === this.#name) && atMs >= this.#sinceMs;
  }

  /** The id itself, or a part of a name that is made of it, as `session/VIN/3` is. */
  #isAbout(value: unknown): boolean {
    if (typeof value === 'string') return this.#ids.has(value) || value.split('/').some((part) => this.#ids.has(part));
    return typeof value === 'object' && value !== null && Object.values(value).some((each) => this.#isAbout(each));
  }
}

function rankOf(level: string): number {
  const rank = LEVELS.findIndex((each) => each === level);
  return rank === -1 ? LEVELS.length : rank;
}

/** A line for people: when, who, what, and then what it is about. */
export function shownLine({ text, atMs, level, name, message, fields }: LogLine, colors: Terminal['colors']): string {
  if (atMs === 0) return `${text}\n`;
  const { red, yellow, dim, bold } = colors;
  const colored = level === 'warn' ? yellow : rankOf(level) > rankOf('warn') ? red : String;
  const rest = Object.entries(fields)
    .filter(([key]) => !OMITTED.includes(key))
    .map(([key, value]) => `${key}=${shownValue(value)}`);
  const at = new Date(atMs).toISOString().slice(11, 23);
  return `${dim(at)} ${bold(name.padEnd(8))} ${colored(`${level.padEnd(5)} ${message}`)}  ${dim(rest.join(' '))}\n`;
}

function shownValue(value: unknown): string {
  if (typeof value === 'string') return /^\S+$/.test(value) ? value : JSON.stringify(value);
  // Of an error, its message says most; the stack is in the file.
  if (typeof value === 'object' && value !== null && 'message' in value) return JSON.stringify(value.message);
  return JSON.stringify(value);
}
