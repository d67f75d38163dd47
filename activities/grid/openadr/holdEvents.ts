import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { JournalLine } from '../../../domain/journal.ts';
import { UTILITY_SOURCE } from '../../../scheduler/sources.ts';
import type { Queryable } from '../../../store/database.ts';
import { appendJournal } from '../../../store/journal.ts';
import { markEventsGone, upsertEvent, type OpenAdrConnection, type OpenAdrEvent } from '../../../store/openAdr.ts';
import { describeEvent } from './describeEvent.ts';
import { feedersReached, type HeldEvent, type SiteFeeder } from './heldEvent.ts';
import { spanOf } from './timing.ts';
import type { Walk, WalkedEvent } from './walkEvents.ts';
import { readWire, wireEventSchema, wireProgramSchema, type WireEvent } from './wire.ts';

export interface HoldContext {
  readonly connection: OpenAdrConnection;
  readonly timeZone: string;
  /** Feeders with the targets that the utility granted them. */
  readonly feeders: readonly (SiteFeeder & { readonly targets: readonly string[] })[];
  /** Mean load of feeders before now, houses included; null when nothing is metered. */
  readonly referenceKw: (feederIds: readonly string[]) => Promise<number | null>;
  readonly nowMs: number;
}

/** The seed of random starts, and the name of the connection's signals. */
export function sourceOf(connectionId: string): string {
  return `${UTILITY_SOURCE}/${connectionId}`;
}

/** Takes a complete walk into what is held: new events, new versions, and those that are gone. */
export async function holdEvents(
  db: Queryable,
  known: readonly OpenAdrEvent[],
  walk: Walk,
  context: HoldContext,
): Promise<void> {
  const byId = new Map(known.map((event) => [event.eventId, event]));
  const lines: JournalLine[] = [];
  for (const walked of walk.events) {
    const before = byId.get(walked.eventId);
    const isKnown =
      before?.goneMs === null &&
      isDeepStrictEqual(before.body, walked.body) &&
      // A target may have been granted to another feeder since, or the connection speaks for others.
      (!walked.event || isDeepStrictEqual(before.feederIds, reachedIds(walked.event, context))) &&
      // As it comes back from the database: without keys that are undefined.
      isDeepStrictEqual(before.program, JSON.parse(JSON.stringify(walked.programDescriptors)));
    if (isKnown) continue;
    const stored = await heldForm(walked, before, context);
    await upsertEvent(db, stored);
    lines.push(lineOf(stored, walked, context, before !== undefined));
  }
  await markEventsGone(db, context.connection.id, walk.goneIds, context.nowMs);
  for (const eventId of walk.goneIds) {
    const held = byId.get(eventId);
    if (held?.endMs !== null && held !== undefined && held.endMs <= context.nowMs) continue;
    const { connection, nowMs } = context;
    lines.push({
      atMs: nowMs,
      kind: 'utility_event',
      subject: connection.regionId,
      message: `${connection.id} takes back event ${eventId}`,
      dedupeKey: `openadr/${connection.id}/${eventId}/gone/${nowMs}`,
    });
  }
  await appendJournal(db, context.connection.cellId, lines);
}

function reachedIds(event: WireEvent, { feeders }: Pick<HoldContext, 'feeders'>): string[] {
  return feedersReached(event, feeders).map(({ id }) => id);
}

async function heldForm(
  { eventId, body, event, problem, programDescriptors }: WalkedEvent,
  before: OpenAdrEvent | undefined,
  { connection, feeders, referenceKw, nowMs }: HoldContext,
): Promise<Omit<OpenAdrEvent, 'measured'>> {
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
    goneMs: null,
  };
  if (!event) return { ...common, referenceKw: null, feederIds: [], startMs: null, endMs: null, refused: problem };
  const feederIds = reachedIds(event, { feeders });
  const isRelative = event.intervals.some(({ payloads }) => payloads.some(({ type }) => type.endsWith('_RELATIVE')));
  const reference = isSameVersion ? before.referenceKw : isRelative ? await referenceKw(feederIds) : null;
  try {
    const span = spanOf(event, anchorMs, sourceOf(connection.id));
    const endMs = span && Number.isFinite(span.endMs) ? span.endMs : null;
    return { ...common, referenceKw: reference, feederIds, startMs: span?.startMs ?? null, endMs, refused: null };
  } catch (error) {
    const refused = error instanceof Error ? error.message : String(error);
    return { ...common, referenceKw: reference, feederIds, startMs: null, endMs: null, refused };
  }
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
  const what = event ? describeEvent(event, stored, timeZone) : `event ${stored.eventId}`;
  const message =
    stored.refused === null
      ? `${id} ${isRevised ? 'changes' : 'sends'} ${what}`
      : `${id} sends ${what}, which is not followed: ${stored.refused}`;
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

/** Stored events that can be read, in the form that their meaning is read from. */
export function heldEvents(stored: readonly OpenAdrEvent[], feeders: readonly SiteFeeder[]): HeldEvent[] {
  return stored.flatMap(({ body, program, anchorMs, referenceKw, feederIds, goneMs }) => {
    const read = readWire(wireEventSchema, body);
    if (goneMs !== null || !('read' in read)) return [];
    const programDescriptors = descriptorsSchema.catch([]).parse(program);
    const reached = feeders.filter(({ id }) => feederIds.includes(id));
    return [{ event: read.read, programDescriptors, anchorMs, referenceKw, feeders: reached }];
  });
}
