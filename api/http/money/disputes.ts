import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../../domain/clock.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { newId } from '../../../domain/ids.ts';
import { accounts, bookingIdOf, bookingName, isOf } from '../../../domain/ledger.ts';
import { unitsOf } from '../../../domain/money.ts';
import {
  listDisputes,
  lockDispute,
  openDispute,
  readDelivered,
  readEvidence,
  resolveDispute,
  type Dispute,
} from '../../../store/disputes.ts';
import { book, bookingKeyOf, correctBooking, readStanding } from '../../../store/ledger.ts';
import { disputeSchema, newDisputeSchema, resolutionSchema } from '../../wire/disputes.ts';
import type { ApiPorts } from '../ports.ts';
import { answers, idParam, notFound, taking } from '../wire.ts';
import { ownOnly } from './statements.ts';

const ownerParam = z.object({ owner: z.string().min(1).max(100) });
const one = answers('The dispute', disputeSchema);
const many = answers('Newest first', z.object({ data: z.array(disputeSchema) }));

const ownerOpenRoute = createRoute({
  method: 'post',
  path: '/fleet/v1/owners/{owner}/disputes',
  summary: 'Say that a booking is wrong; what it brings is not paid out until that is decided',
  request: { params: ownerParam, ...taking(newDisputeSchema) },
  responses: one,
});
const ownerListRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/owners/{owner}/disputes',
  request: { params: ownerParam },
  responses: many,
});
const tenantOpenRoute = createRoute({
  method: 'post',
  path: '/v1/organization/disputes',
  summary: 'Say that a booking is wrong; what it costs is not billed until that is decided',
  request: taking(newDisputeSchema),
  responses: one,
});
const tenantListRoute = createRoute({ method: 'get', path: '/v1/organization/disputes', responses: many });
const listRoute = createRoute({ method: 'get', path: '/ops/v1/disputes', responses: many });
const resolveRoute = createRoute({
  method: 'post',
  path: '/ops/v1/disputes/{id}/resolve',
  summary: 'Decide a dispute, by a counter-booking where it is upheld',
  request: { params: idParam, ...taking(resolutionSchema) },
  responses: one,
});

/** Disputes of owners, submitters and operators. */
export function addDisputeRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  const gridNowMs = (): number => Math.round(gridTimeMs(cell.clock, now()));

  /** Each side sees its own lines, an operator all. */
  const wireOf = async (dispute: Dispute, reader: string | undefined): Promise<z.input<typeof disputeSchema>> => {
    const lines = await readStanding(database, dispute.bookingKey);
    const { receipts, checks } = await readDelivered(database, dispute.bookingKey);
    // A submitter learns nothing of whose car it was.
    const carFor = (vehicleId: string): string | null => (reader?.startsWith('tenant/') ? null : vehicleId);
    const [first] = lines;
    return {
      id: dispute.id,
      object: 'dispute',
      booking: first ? bookingName(first.bookingId) : dispute.bookingKey,
      opened_by: dispute.openedBy,
      text: dispute.words,
      opened_at: new Date(dispute.openedAtMs).toISOString(),
      status: dispute.status,
      answer: dispute.answer,
      resolved_at: dispute.resolvedAtMs === null ? null : new Date(dispute.resolvedAtMs).toISOString(),
      lines: lines
        .filter(({ account }) => reader === undefined || isOf(account, reader))
        .map((line) => ({
          booking: bookingName(line.bookingId),
          account: line.account,
          item: line.item,
          quantity: line.quantityMillionths === null ? null : unitsOf(line.quantityMillionths),
          unit: line.unit,
          amount: unitsOf(line.amountMicros),
          currency: line.currency,
          reason: line.reason,
        })),
      evidence: (await readEvidence(database, dispute.bookingKey)).map((attempt) => ({
        car: carFor(attempt.vehicleId),
        handed_out_at: new Date(attempt.handedOutMs).toISOString(),
        stored_until: new Date(attempt.storedUntilMs).toISOString(),
        paid_wh: attempt.paidWh,
        metered_compute_kwh: attempt.meteredComputeKwh,
      })),
      receipts: receipts.map(({ vehicleId, start, end, sha256 }) => ({
        car: carFor(vehicleId),
        lines: [start, end],
        sha256,
      })),
      checks: checks.map(({ vehicleId, atMs, lines: answered, checked, differing, tokens, divergent, verdict }) => ({
        car: carFor(vehicleId),
        at: new Date(atMs).toISOString(),
        lines: answered,
        checked,
        differing,
        tokens,
        divergent,
        verdict,
      })),
    };
  };
  const open = async (party: string, { booking: name, text }: z.output<typeof newDisputeSchema>) => {
    const bookingId = bookingIdOf(name);
    const booking = bookingId === undefined ? name : ((await bookingKeyOf(database, bookingId)) ?? name);
    const standing = await readStanding(database, booking);
    // The same answer for a booking of others as for none.
    if (!standing.some(({ account, key }) => key === booking && isOf(account, party))) throw notFound('booking', name);
    const id = newId('dis_', now());
    const dispute = { id, bookingKey: booking, openedBy: party, words: text, openedAtMs: gridNowMs() };
    const opened = await openDispute(database, dispute);
    if (opened) return wireOf(opened, party);
    throw new NightshiftError('conflict', 'A dispute about this booking is open already.', { field: 'booking' });
  };
  const list = async (party: string | undefined) =>
    Promise.all((await listDisputes(database, party)).map((dispute) => wireOf(dispute, party)));

  app.openapi(ownerOpenRoute, async (c) => {
    const { owner } = c.req.valid('param');
    ownOnly(c.get('carCaller'), owner);
    return c.json(await open(accounts.owner(owner), c.req.valid('json')), 200);
  });
  app.openapi(ownerListRoute, async (c) => {
    const { owner } = c.req.valid('param');
    ownOnly(c.get('carCaller'), owner);
    return c.json({ data: await list(accounts.owner(owner)) }, 200);
  });
  app.openapi(tenantOpenRoute, async (c) =>
    c.json(await open(accounts.tenant(c.get('caller').tenantId), c.req.valid('json')), 200),
  );
  app.openapi(tenantListRoute, async (c) =>
    c.json({ data: await list(accounts.tenant(c.get('caller').tenantId)) }, 200),
  );
  app.openapi(listRoute, async (c) => c.json({ data: await list(undefined) }, 200));

  app.openapi(resolveRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { outcome, text, take_back: takeBack, give } = c.req.valid('json');
    if (outcome === 'rejected' && (takeBack ?? give)) {
      throw new NightshiftError('invalid_request', 'What is rejected changes no booking.', { field: 'outcome' });
    }
    const atMs = gridNowMs();
    const resolved = await database.transaction(async (tx) => {
      const dispute = await lockDispute(tx, id);
      if (!dispute) throw notFound('dispute', id);
      if (dispute.status !== 'open') {
        throw new NightshiftError('conflict', `Dispute ${id} is ${dispute.status}.`, { field: 'id' });
      }
      const { bookingKey: corrects, openedBy } = dispute;
      if (takeBack) {
        await correctBooking(tx, { corrects, key: `dispute/${id}`, ...takeBack, reason: text, atMs });
      }
      if (give) {
        const { amount: amountMicros, currency } = give;
        const entry = { currency, item: 'adjustment' as const };
        const [first] = await readStanding(tx, corrects);
        await book(tx, {
          key: `dispute/${id}/give`,
          kind: 'adjustment',
          atMs,
          reference: first?.reference ?? corrects,
          reason: text,
          ...(first?.vehicleId != null && openedBy.startsWith('owner/') && { vehicleId: first.vehicleId }),
          ...(first?.batchId != null && { batchId: first.batchId }),
          entries: [
            { ...entry, account: openedBy, amountMicros },
            { ...entry, account: accounts.margin, amountMicros: -amountMicros },
          ],
        });
      }
      return resolveDispute(tx, id, { status: outcome, answer: text, resolvedBy: c.get('caller').keyId, atMs });
    });
    return c.json(await wireOf(resolved, undefined), 200);
  });
}
