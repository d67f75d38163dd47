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
  /** Held events whose program is not one of those to follow any more, each with the program's name. */
  readonly released: ReadonlyMap<string, string>;
}

/** An event that is held and not gone. */
export interface HeldId {
  readonly eventId: string;
  readonly programId: string | undefined;
}

const MAX_EVENT_BYTES = 2 * 1024 * 1024;
const MAX_ID_CHARACTERS = 128;
/** NUL and halves of surrogate pairs, as JSON writes them: PostgreSQL takes neither. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;

/**
 * Reads every program and event that we may see: once without a target and once for each of ours, together by id. Not
 * with several targets at once: servers differ in whether an object then needs one of them or all. One that shows
 * targeted objects unasked is not asked target by target. All or nothing: an event that is not seen is gone only if the server says so when it is asked for it by name, since
 * lists have no order and a page can slip while it is turned.
 * @param programNames those to follow; all when empty
 * @throws VtnError when any part of the walk fails
 */
export async function walkEvents(
  client: VtnClient,
  targets: readonly string[],
  programNames: readonly string[],
  held: readonly HeldId[],
): Promise<Walk> {
  const programs = new Map<string, Program>();
  for (const sent of await walkTargets(client, 'programs', targets)) {
    const program = readWire(wireProgramSchema, sent);
    if (!('read' in program) || UNSTORABLE.test(JSON.stringify(sent))) continue;
    programs.set(program.read.id, { name: program.read.programName, descriptors: program.read.payloadDescriptors });
  }
  const isFollowed = ({ name }: Program): boolean => programNames.length === 0 || programNames.includes(name);
  const events: WalkedEvent[] = [];
  const released = new Map<string, string>();
  for (const body of await walkTargets(client, 'events', targets)) {
    const read = readWire(wireEventSchema, body);
    const programId = textOf(body, 'programID');
    const program = programs.get(programId ?? '');
    // Without a list of programs, an event whose program is hidden from us is ours too.
    if (programNames.length > 0 && !(program && isFollowed(program))) continue;
    const text = JSON.stringify(body);
    const unkept = whyNotKept(text);
    const problem = unkept ?? ('problem' in read ? read.problem : null);
    events.push({
      eventId: idOf(body, text),
      body: unkept === null ? body : {},
      programDescriptors: program?.descriptors ?? [],
      event: problem === null && 'read' in read ? read.read : undefined,
      problem,
    });
  }
  const seen = new Set(events.map(({ eventId }) => eventId));
  const goneIds: string[] = [];
  for (const { eventId, programId } of held) {
    if (seen.has(eventId)) continue;
    const program = programs.get(programId ?? '');
    // Only of a program that is seen: one that is hidden for a moment must not free anybody from a limit.
    if (program && !isFollowed(program)) released.set(eventId, program.name);
    else if (await isGone(client, eventId)) goneIds.push(eventId);
  }
  return { programs: [...programs.values()].filter(isFollowed).length, events, goneIds, released };
}

interface Program {
  readonly name: string;
  readonly descriptors: readonly WirePayloadDescriptor[];
}

function targetsOf(item: unknown): unknown[] {
  const targets: unknown = typeof item === 'object' && item !== null && 'targets' in item ? item.targets : undefined;
  return Array.isArray(targets) ? targets : [];
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
  const add = (items: readonly unknown[]): void => {
    for (const item of items) byId.set(textOf(item, 'id') ?? JSON.stringify(item), item);
  };
  const unasked = await client.walk(path);
  add(unasked);
  if (unasked.some((item) => targetsOf(item).length > 0)) return unasked;
  for (const target of targets) add(await client.walk(path, { targets: target }));
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

/** A text of an object that may be anything. */
export function textOf(item: unknown, key: string): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const value: unknown = Object.entries(item).find(([name]) => name === key)?.[1];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
