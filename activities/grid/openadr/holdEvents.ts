import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { JournalLine } from '../../../domain/journal.ts';
import { UTILITY_SOURCE } from '../../../scheduler/sources.ts';
import type { Queryable } from '../../../store/database.ts';
import { appendJournal } from '../../../store/journal.ts';
import type { OpenAdrConnection } from '../../../store/openAdrConnections.ts';
import {
  markEventsGone,
  markEventsListed,
  readEventsOf,
  upsertEvent,
  type OpenAdrEvent,
  type OpenAdrVersion,
} from '../../../store/openAdrEvents.ts';
import { describeEvent, eventName } from './describeEvent.ts';
import { feedersReached, type Addressees, type HeldEvent, type SiteFeeder } from './heldEvent.ts';
import { hasCancelledForm, spanOf } from './timing.ts';
import type { Walk, WalkedEvent } from './walkEvents.ts';
import { readWire, wireEventSchema, wireProgramSchema, type WireEvent } from './wire.ts';
import { messageOf } from '../../../domain/thrown.ts';

export interface HoldContext {
  readonly connection: OpenAdrConnection;
  readonly timeZone: string;
  /** Feeders and what the utility granted us. */
  readonly addressees: Addressees<SiteFeeder>;
  /** Decides the random shift of starts. */
  readonly seed: string;
  /** Mean load of feeders before now, houses included; null when nothing is metered. */
  readonly referenceKw: (feederIds: readonly string[]) => Promise<number | null>;
  readonly nowMs: number;
}

/** The name of the connection's signals. */
export function sourceOf(connectionId: string): string {
  return `${UTILITY_SOURCE}/${connectionId}`;
}

/** Takes a complete walk into what is held: new events, new versions, and those that are gone. */
export async function holdEvents(
  database: Queryable,
  known: readonly OpenAdrEvent[],
  walk: Walk,
  context: HoldContext,
): Promise<void> {
  const byId = new Map(known.map((event) => [event.eventId, event]));
  // Events that the server still shows long after their end: known, too, and no news.
  const others = walk.events.map(({ eventId }) => eventId).filter((eventId) => !byId.has(eventId));
  for (const event of await readEventsOf(database, context.connection.id, others)) byId.set(event.eventId, event);
  const lines: JournalLine[] = [];
  for (const walked of walk.events) {
    const before = byId.get(walked.eventId);
    const isKnown =
      before !== undefined &&
      (before.goneMs === null || before.isCancelled) &&
      isDeepStrictEqual(before.body, walked.body) &&
      // A target may have been granted to another feeder since, or the connection speaks for others.
      (!walked.event || isDeepStrictEqual(before.feederIds, reachedIds(walked.event, context))) &&
      // As it comes back from the database: without keys that are undefined.
      isDeepStrictEqual(before.program, JSON.parse(JSON.stringify(walked.programDescriptors)));
    if (isKnown) continue;
    const stored = await heldForm(walked, before, context);
    await upsertEvent(database, stored);
    lines.push(lineOf(stored, walked, context, before !== undefined));
  }
  const shown = walk.events.map(({ eventId }) => eventId);
  await markEventsListed(database, context.connection.id, shown, context.nowMs);
  await markEventsGone(database, context.connection.id, [...walk.goneIds, ...walk.released.keys()], context.nowMs);
  const ends = [
    ...walk.goneIds.map((eventId) => [eventId, (name: string) => `takes back ${name}`] as const),
    ...[...walk.released].map(([eventId, program]) => {
      const why = `its program ${JSON.stringify(program)} is not one of those to follow`;
      return [eventId, (name: string) => `is not followed any more in ${name}: ${why}`] as const;
    }),
  ];
  for (const [eventId, words] of ends) {
    const held = byId.get(eventId);
    if (held?.endMs !== null && held !== undefined && held.endMs <= context.nowMs) continue;
    const { connection, nowMs } = context;
    lines.push({
      atMs: nowMs,
      kind: 'utility_event',
      subject: connection.regionId,
      message: `${connection.id} ${words(eventName(held?.body, eventId))}`,
      dedupeKey: `openadr/${connection.id}/${eventId}/gone/${nowMs}`,
    });
  }
  await appendJournal(database, context.connection.cellId, lines);
}

function reachedIds(event: WireEvent, { addressees }: Pick<HoldContext, 'addressees'>): string[] {
  return feedersReached(event, addressees).map(({ id }) => id);
}

async function heldForm(
  { eventId, body, event, problem, programDescriptors }: WalkedEvent,
  before: OpenAdrEvent | undefined,
  { connection, addressees, seed, referenceKw, nowMs }: HoldContext,
): Promise<Omit<OpenAdrEvent, 'measured'>> {
  const isCancelled = event !== undefined && isCancellation(event, before);
  const isSameVersion =
    before !== undefined &&
    event?.modificationDateTime !== undefined &&
    versionOf(before.body) === event.modificationDateTime;
  const anchorMs = isSameVersion ? before.anchorMs : nowMs;
  const common = {
    connectionId: connection.id,
    eventId,
    body,
    program: programDescriptors,
    firstSeenMs: before?.firstSeenMs ?? nowMs,
    anchorMs,
    goneMs: isCancelled ? (before?.goneMs ?? nowMs) : null,
    isCancelled,
    refusedPayloads: [],
    versionBefore: versionBefore(before),
  };
  if (!event) {
    // It is over when the version before, which stands in for it, is: the first that nobody can read is never.
    const { startMs = null, endMs = null } = before ?? {};
    return { ...common, referenceKw: null, feederIds: [], startMs, endMs, refused: problem };
  }
  const feederIds = reachedIds(event, { addressees });
  const isRelative = event.intervals.some(({ payloads }) => payloads.some(({ type }) => type.endsWith('_RELATIVE')));
  const reference = isSameVersion ? before.referenceKw : isRelative ? await referenceKw(feederIds) : null;
  try {
    const span = spanOf(event, anchorMs, seed);
    const endMs = span && Number.isFinite(span.endMs) ? span.endMs : null;
    return { ...common, referenceKw: reference, feederIds, startMs: span?.startMs ?? null, endMs, refused: null };
  } catch (error) {
    const refused = messageOf(error);
    return { ...common, referenceKw: reference, feederIds, startMs: null, endMs: null, refused };
  }
}

/** An update that brings in the form that cancels; one that had it all along is what its server makes of every event. */
function isCancellation(event: WireEvent, before: OpenAdrEvent | undefined): boolean {
  if (!before || !hasCancelledForm(event)) return false;
  const read = readWire(wireEventSchema, before.body);
  return before.isCancelled || !('read' in read && hasCancelledForm(read.read));
}

/** What stands in where the new version cannot be followed. */
function versionBefore(before: OpenAdrEvent | undefined): OpenAdrVersion | null {
  if (before?.goneMs !== null || before === undefined) return null;
  if (before.refused !== null || before.refusedPayloads.length > 0) return before.versionBefore;
  const { body, program, anchorMs, referenceKw, feederIds } = before;
  return { body, program, anchorMs, referenceKw, feederIds };
}

function versionOf(body: unknown): string | undefined {
  const read = readWire(wireEventSchema, body);
  return 'read' in read ? read.read.modificationDateTime : undefined;
}

function lineOf(
  stored: Omit<OpenAdrEvent, 'measured'>,
  { event }: WalkedEvent,
  { connection, timeZone, nowMs }: HoldContext,
  isRevised: boolean,
): JournalLine {
  const { id, regionId } = connection;
  const what = event ? describeEvent(event, stored, timeZone) : eventName(stored.body, stored.eventId);
  const holdsOn = stored.versionBefore === null ? '' : '; the version before holds on';
  const verb = stored.isCancelled ? 'cancels' : isRevised ? 'changes' : 'sends';
  const message =
    stored.refused === null
      ? `${id} ${verb} ${what}`
      : `${id} ${verb} ${what}, which is not followed: ${stored.refused}${holdsOn}`;
  // A retry of this step may be a little later, but it holds the same version.
  const version = event?.modificationDateTime ?? nowMs;
  const dedupeKey = `openadr/${id}/${stored.eventId}/${version}/${stored.anchorMs}`;
  return {
    atMs: nowMs,
    kind: stored.refused === null ? 'utility_event' : 'fallback',
    subject: regionId,
    message,
    dedupeKey,
  };
}

const descriptorsSchema = z.array(z.unknown()).transform((descriptors) => {
  const program = readWire(wireProgramSchema, { id: 'held', programName: '', payloadDescriptors: descriptors });
  return 'read' in program ? program.read.payloadDescriptors : [];
});

/** Stored events in the form that their meaning is read from. For one that cannot be read, the version before stands in. */
export function heldEvents(stored: readonly OpenAdrEvent[], feeders: readonly SiteFeeder[], seed: string): HeldEvent[] {
  return stored.flatMap((row) => {
    if (row.goneMs !== null) return [];
    const before = row.versionBefore === null ? undefined : heldVersion(row.versionBefore, feeders, seed);
    const held = heldVersion(row, feeders, seed);
    if (!held) return before ? [before] : [];
    return [{ ...held, ...(before && { before }) }];
  });
}

function heldVersion(
  { body, program, anchorMs, referenceKw, feederIds }: OpenAdrVersion,
  feeders: readonly SiteFeeder[],
  seed: string,
): HeldEvent | undefined {
  const read = readWire(wireEventSchema, body);
  if (!('read' in read)) return undefined;
  const programDescriptors = descriptorsSchema.catch([]).parse(program);
  const reached = feeders.filter(({ id }) => feederIds.includes(id));
  return { event: read.read, programDescriptors, anchorMs, seed, referenceKw, feeders: reached };
}

/** Whether the version that is held of an event is the newest, not one that stands in for it. */
export function isNewestVersion(row: OpenAdrEvent): boolean {
  return 'read' in readWire(wireEventSchema, row.body);
}
