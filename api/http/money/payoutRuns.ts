import { bankHolders, readBankAccounts } from '../../../store/bankAccounts.ts';
import type { Queryable } from '../../../store/database.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { newId } from '../../../domain/ids.ts';
import { accounts, type Entry } from '../../../domain/ledger.ts';
import type { TransferNotice } from '../../../domain/creditTransfer.ts';
import { decimalOf, MICROS_PER_CENT } from '../../../domain/money.ts';
import { book } from '../../../store/ledger.ts';
import {
  insertPayout,
  insertPayoutRun,
  listOwed,
  listPayouts,
  lockPayout,
  lockPayoutRun,
  setPayoutStatus,
  settleRun,
  type Payout,
  type PayoutRun,
} from '../../../store/payouts.ts';
import type { ApiPorts } from '../ports.ts';
import { notFound } from '../wire.ts';

export interface LeftOut {
  readonly owner: string;
  readonly amountMicros: number;
  readonly reason: string;
}

/**
 * Proposes to pay every owner who has at least `minMicros` to get, in whole cents; what is below a cent stays. Nothing is
 * booked yet.
 * @throws NightshiftError `conflict` while another run of the currency is proposed
 */
export async function proposeRun(
  { database, seal, now }: ApiPorts,
  run: Pick<PayoutRun, 'currency' | 'minMicros' | 'executionDate' | 'proposedBy'>,
): Promise<{ readonly run: PayoutRun; readonly leftOut: readonly LeftOut[] }> {
  return database.transaction(async (tx) => {
    const made = await insertPayoutRun(tx, { ...run, id: newId('run-', now()) });
    if (!made) {
      const message = `Another run of ${run.currency} is proposed: confirm or drop it first.`;
      throw new NightshiftError('conflict', message, { field: 'currency' });
    }
    const owed = await listOwed(tx, run.currency);
    const known = await readBankAccounts(
      tx,
      seal,
      owed.map(({ ownerId }) => bankHolders.owner(ownerId)),
    );
    const leftOut: LeftOut[] = [];
    for (const { ownerId, ownerMicros, energyMicros } of owed) {
      const amountMicros = wholeCents(ownerMicros + energyMicros);
      if (amountMicros === 0) continue;
      const reason =
        amountMicros < Math.max(run.minMicros, MICROS_PER_CENT)
          ? amountMicros < 0
            ? 'owes the operator, by corrections'
            : `less than the least amount, ${decimalOf(run.minMicros)} ${run.currency}`
          : known.has(bankHolders.owner(ownerId))
            ? undefined
            : 'no bank account is known';
      if (reason !== undefined) leftOut.push({ owner: ownerId, amountMicros, reason });
      else
        await insertPayout(tx, {
          id: newId('pay-', now()),
          runId: made.id,
          ownerId,
          currency: run.currency,
          amountMicros,
        });
    }
    return { run: made, leftOut };
  });
}

/**
 * Confirms a run with another key than the one that proposed it, and books its payouts: all of it or nothing. One of an
 * owner who has less to get by now, as after a correction, is dropped. Confirmed again, it books nothing.
 * @throws NightshiftError `forbidden` for the key that proposed it
 */
export async function confirmRun({ database }: ApiPorts, id: string, keyId: string, atMs: number): Promise<PayoutRun> {
  return database.transaction(async (tx) => {
    const run = await lockedRun(tx, id);
    if (run.status === 'confirmed') return run;
    if (run.status === 'dropped') throw new NightshiftError('conflict', `Run ${id} was dropped.`, { field: 'id' });
    if (run.proposedBy === keyId) {
      const message = 'A run is confirmed with another key than the one that proposed it.';
      throw new NightshiftError('forbidden', message, { field: 'id' });
    }
    const owed = new Map((await listOwed(tx, run.currency)).map((each) => [each.ownerId, each]));
    for (const payout of await listPayouts(tx, id)) {
      const now = owed.get(payout.ownerId) ?? { ownerMicros: 0, energyMicros: 0 };
      const left = wholeCents(now.ownerMicros + now.energyMicros);
      if (left < payout.amountMicros) {
        const reason = `only ${decimalOf(left)} ${run.currency} are left to get`;
        await setPayoutStatus(tx, payout.id, 'dropped', { reason });
        continue;
      }
      await book(tx, { ...bookingOf(payout, 'payout', atMs), entries: ordered(payout, now.energyMicros) });
      await setPayoutStatus(tx, payout.id, 'ordered');
    }
    return settleRun(tx, id, 'confirmed', keyId);
  });
}

/** Gives a proposal up. @throws NightshiftError `conflict` for a run that is confirmed */
export async function dropRun({ database }: ApiPorts, id: string): Promise<PayoutRun> {
  return database.transaction(async (tx) => {
    const run = await lockedRun(tx, id);
    if (run.status === 'dropped') return run;
    if (run.status === 'confirmed') {
      throw new NightshiftError('conflict', `Run ${id} is confirmed; its payouts are ordered.`, { field: 'id' });
    }
    for (const { id: payoutId } of await listPayouts(tx, id)) await setPayoutStatus(tx, payoutId, 'dropped');
    return settleRun(tx, id, 'dropped', null);
  });
}

/** What became of a notice. */
export type NoticeOutcome = 'paid' | 'returned' | 'known_before' | { readonly refused: string };

/** Books what a bank, or an operator, says of a payout; each once, in its own transaction: one that is refused stops none. */
export async function takeNotice({ database }: ApiPorts, notice: TransferNotice, atMs: number): Promise<NoticeOutcome> {
  return database.transaction(async (tx) => {
    const payout = await lockPayout(tx, notice.endToEndId);
    if (!payout) return { refused: 'there is no such payout' };
    if (payout.status === notice.kind || (payout.status === 'returned' && notice.kind === 'paid'))
      return 'known_before';
    if (payout.status !== 'ordered' && payout.status !== 'paid') return { refused: `it is ${payout.status}` };
    const { amountMicros, currency } = payout;
    if (notice.amountMicros !== amountMicros || notice.currency !== currency) {
      const said = `${decimalOf(notice.amountMicros)} ${notice.currency}`;
      return { refused: `the bank says ${said}, it is ${decimalOf(amountMicros)} ${currency}` };
    }
    const moved = (from: string, to: string): Entry[] => [
      { account: from, currency, amountMicros: -amountMicros, item: 'payout' },
      { account: to, currency, amountMicros, item: 'payout' },
    ];
    if (notice.kind === 'paid') {
      await book(tx, { ...bookingOf(payout, 'payout_paid', atMs), entries: moved(accounts.clearing, accounts.bank) });
    } else {
      const from = payout.status === 'paid' ? accounts.bank : accounts.clearing;
      const entries = moved(from, accounts.owner(payout.ownerId));
      const reason = `the bank returned it${notice.reason === undefined ? '' : `: ${notice.reason}`}`;
      await book(tx, { ...bookingOf(payout, 'payout_returned', atMs), entries, reason });
    }
    await setPayoutStatus(tx, payout.id, notice.kind, { reason: notice.reason, settledOn: notice.bookedOn });
    return notice.kind;
  });
}

async function lockedRun(tx: Queryable, id: string): Promise<PayoutRun> {
  const run = await lockPayoutRun(tx, id);
  if (!run) throw notFound('payout run', id);
  return run;
}

function bookingOf(payout: Payout, kind: 'payout' | 'payout_paid' | 'payout_returned', atMs: number) {
  const reference = `payout/${payout.runId}/${payout.id}`;
  return { key: `${kind}/${payout.id}`, kind, atMs, reference };
}

/** Energy first: it was the owner's own money. */
function ordered({ ownerId, currency, amountMicros }: Payout, energyMicros: number): Entry[] {
  const ofEnergy = Math.max(0, Math.min(amountMicros, energyMicros));
  return [
    { account: accounts.energy(ownerId), currency, amountMicros: -ofEnergy, item: 'payout' as const },
    { account: accounts.owner(ownerId), currency, amountMicros: ofEnergy - amountMicros, item: 'payout' as const },
    { account: accounts.clearing, currency, amountMicros, item: 'payout' as const },
  ];
}

function wholeCents(micros: number): number {
  return Math.trunc(micros / MICROS_PER_CENT) * MICROS_PER_CENT;
}
