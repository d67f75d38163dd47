import { createHash } from 'node:crypto';
import { readWire, wireEventSchema, wireProgramSchema, type WireEvent, type WirePayloadDescriptor } from './wire.ts';
import type { VtnClient } from './vtnClient.ts';
import { VtnError } from './vtnError.ts';

/** One event as the server sent it, with what can be read of it. */
export interface WalkedEvent {
  readonly eventId: string;
  readonly body: unknown;
  readonly programDescriptors: readonly WirePayloadDescriptor[];
  /** Undefined when it cannot be read; `problem` says why. */
  readonly event: WireEvent | undefined;
  readonly problem: string | null;
}

export interface Walk {
  readonly programs: number;
  readonly events: readonly WalkedEvent[];
  /** Held events that the server confirms to be gone. */
  readonly goneIds: readonly string[];
}

const MAX_EVENT_BYTES = 2 * 1024 * 1024;
const MAX_ID_CHARACTERS = 128;
/** NUL and halves of surrogate pairs, as JSON writes them: PostgreSQL takes neither. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;

/**
 * Reads every program and event that we may see: once without a target and once for each of ours, together by id.
 * All or nothing: an event that is not seen is gone only if the server says so when it is asked for it by name, since
 * lists have no order and a page can slip while it is turned.
 * @param programNames those to follow; all when empty
 * @param heldIds events that are held and not gone
 * @throws VtnError when any part of the walk fails
 */
export async function walkEvents(
  client: VtnClient,
  targets: readonly string[],
  programNames: readonly string[],
  heldIds: readonly string[],
): Promise<Walk> {
  const programs = new Map<string, readonly WirePayloadDescriptor[]>();
  for (const sent of await walkTargets(client, 'programs', targets)) {
    const program = readWire(wireProgramSchema, sent);
    if (!('read' in program) || UNSTORABLE.test(JSON.stringify(sent))) continue;
    if (programNames.length > 0 && !programNames.includes(program.read.programName)) continue;
    programs.set(program.read.id, program.read.payloadDescriptors);
  }
  const events: WalkedEvent[] = [];
  for (const body of await walkTargets(client, 'events', targets)) {
    const read = readWire(wireEventSchema, body);
    const programId = textOf(body, 'programID');
    // Without a list of programs, an event whose program is hidden from us is ours too.
    if (programNames.length > 0 && !programs.has(programId ?? '')) continue;
    const text = JSON.stringify(body);
    const unkept = whyNotKept(text);
    const problem = unkept ?? ('problem' in read ? read.problem : null);
    events.push({
      eventId: idOf(body, text),
      body: unkept === null ? body : {},
      programDescriptors: programs.get(programId ?? '') ?? [],
      event: problem === null && 'read' in read ? read.read : undefined,
      problem,
    });
  }
  const seen = new Set(events.map(({ eventId }) => eventId));
  const goneIds: string[] = [];
  for (const id of heldIds) if (!seen.has(id) && (await isGone(client, id))) goneIds.push(id);
  return { programs: programs.size, events, goneIds };
}

/** Why the text of an event cannot be kept; null when it can. */
function whyNotKept(text: string): string | null {
  if (text.length > MAX_EVENT_BYTES) return `is larger than ${MAX_EVENT_BYTES} bytes`;
  return UNSTORABLE.test(text) ? 'holds a character that cannot be stored' : null;
}

/** The id that an event is held under: its own, or one made of its content where that is none. */
function idOf(body: unknown, text: string): string {
  const id = textOf(body, 'id');
  if (id !== undefined && id.length <= MAX_ID_CHARACTERS && !UNSTORABLE.test(JSON.stringify(id))) return id;
  return `unreadable-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

async function walkTargets(client: VtnClient, path: string, targets: readonly string[]): Promise<unknown[]> {
  const byId = new Map<string, unknown>();
  for (const query of [{}, ...targets.map((target) => ({ targets: target }))]) {
    for (const item of await client.walk(path, query)) byId.set(textOf(item, 'id') ?? JSON.stringify(item), item);
  }
  return [...byId.values()];
}

async function isGone(client: VtnClient, eventId: string): Promise<boolean> {
  try {
    await client.get(`events/${encodeURIComponent(eventId)}`);
    return false;
  } catch (error) {
    if (error instanceof VtnError && (error.status === 404 || error.status === 410)) return true;
    throw error;
  }
}

function textOf(item: unknown, key: string): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const value: unknown = Object.entries(item).find(([name]) => name === key)?.[1];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
