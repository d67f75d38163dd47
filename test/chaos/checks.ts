import { HOUR_MS } from '../../domain/durations.ts';
import { attribute } from '../../activities/jobs/shardParts.ts';
import { parseAnswerLine } from '../../domain/batchLines.ts';
import { parseJson } from '../../domain/json.ts';
import { objectKeys, workflowIds } from '../../domain/names.ts';
import { partReceiptSchema, type PartReceipt } from '../../domain/shards.ts';
import type { AcceptedPart } from '../../store/acceptedShards.ts';
import type { Database } from '../../store/database.ts';
import { listFeederEnergy } from '../../store/feederMeters.ts';
import type { ObjectStore } from '../../store/objectStore.ts';
import type { TimeWindow } from '../../store/signals.ts';
import { comparable } from '../e2e/support/outcome.ts';

/** What is wrong, one sentence each; none when the promise was kept. */
export type Violations = readonly string[];

/** Registers are told every few grid minutes, and shared out evenly between two readings. */
const LIMIT_TOLERANCE_KWH = 0.05;
const ENERGY_TOLERANCE_WH = 0.01;
const SOC_TOLERANCE_PERCENT = 1;
const HOURS_TOLERANCE = 0.001;
/** A car that was awake for less of an hour may not have had to say anything. */
const MIN_AWAKE_MS = 0.5 * HOUR_MS;
/** Grid time that a stay's settlement may take beside a disturbance. */
const SETTLED_WITHIN_MS = 8 * HOUR_MS;

/** Every request was answered once, with the bytes of an undisturbed run. */
export function answeredOnce(output: string, requests: number, undisturbed: string): Violations {
  const answers = output.trimEnd().split('\n').map(parseAnswerLine);
  const ids = new Set(answers.map((answer) => answer.custom_id));
  const failed = answers.filter(({ response }) => response?.status_code !== 200);
  return [
    ...(ids.size === requests && answers.length === requests
      ? []
      : [`${answers.length} answers to ${ids.size} of ${requests} requests`]),
    ...failed.map((answer) => `${answer.custom_id} has no answer but ${JSON.stringify(answer.response)}`),
    ...(comparable(output) === comparable(undisturbed) ? [] : ['the answers differ from those of an undisturbed run']),
  ];
}

/** Each car has one entry for its part in each accepted shard, of no less than the energy that its receipts claim. */
export async function paidOnce(database: Database, objects: ObjectStore, batchId: string): Promise<Violations> {
  const shards = await database.query<{ shard: number; parts: readonly AcceptedPart[] | null }>(
    'select shard, parts from accepted_shards where job_id = $1 order by shard',
    [batchId],
  );
  const violations: string[] = [];
  for (const { shard, parts } of shards) {
    const reference = `${workflowIds.job(batchId)}/shard/${shard}`;
    const booked = await database.query<{ vehicleId: string; kwh: number }>(
      `select b.vehicle_id as "vehicleId", e.quantity_millionths / 1e6 as kwh
       from ledger_bookings b join ledger_entries e on e.booking_id = b.booking_id and e.item = 'work'
       where b.kind = 'compute' and b.reference = $1`,
      [reference],
    );
    const owed = attribute(await acceptedReceipts(objects, batchId, shard, parts ?? []));
    if (owed.length === 0) violations.push(`${reference}: no receipt of an accepted part is there`);
    for (const { vehicleId, energyWh } of owed) {
      const entries = booked.filter((entry) => entry.vehicleId === vehicleId);
      const [entry] = entries;
      if (entries.length !== 1) violations.push(`${reference}: ${vehicleId} has ${entries.length} entries`);
      else if (entry && entry.kwh * 1000 < energyWh - ENERGY_TOLERANCE_WH)
        violations.push(`${reference}: ${vehicleId} has ${entry.kwh * 1000} Wh paid of ${energyWh}`);
    }
    const others = booked.filter((entry) => !owed.some(({ vehicleId }) => vehicleId === entry.vehicleId));
    for (const { vehicleId } of others) violations.push(`${reference}: ${vehicleId} is paid without a part in it`);
  }
  return violations;
}

async function acceptedReceipts(
  objects: ObjectStore,
  batchId: string,
  shard: number,
  parts: readonly AcceptedPart[],
): Promise<PartReceipt[]> {
  const receipts: PartReceipt[] = [];
  for (const key of await objects.list(objectKeys.receiptPrefix(batchId, shard))) {
    const receipt = partReceiptSchema.parse(parseJson((await objects.get(key)).toString('utf8')));
    if (parts.some((part) => isOf(receipt, part))) receipts.push(receipt);
  }
  return receipts;
}

/** A car that was late may store the same bytes as the one whose part was accepted. */
function isOf({ vehicleId, range, partSha256 }: PartReceipt, part: AcceptedPart): boolean {
  return (
    part.vehicleId === vehicleId && part.start === range.start && part.end === range.end && part.sha256 === partSha256
  );
}

/** No car is paid for more energy than its meter has counted. Readings come some moments after the work. */
export async function paidWithinMeter(database: Database): Promise<Violations> {
  const rows = await database.query<{ vehicleId: string; paidKwh: number; meteredKwh: number }>(
    `select b.vehicle_id as "vehicleId", sum(e.quantity_millionths) / 1e6 as "paidKwh",
       coalesce(max(m.compute_kwh), 0) as "meteredKwh"
     from ledger_bookings b join ledger_entries e on e.booking_id = b.booking_id and e.item = 'work'
       left join meter_registers m on m.vehicle_id = b.vehicle_id
     group by b.vehicle_id`,
  );
  return rows
    .filter(({ paidKwh, meteredKwh }) => paidKwh > meteredKwh + ENERGY_TOLERANCE_WH / 1000)
    .map(
      ({ vehicleId, paidKwh, meteredKwh }) => `${vehicleId} is paid for ${paidKwh} kWh, its meter says ${meteredKwh}`,
    );
}

/** The cars of the feeder kept to what it has left for them, in every slot of the window. */
export async function limitKept(
  database: Database,
  feeder: { readonly id: string; readonly availableKw: number },
  slotMinutes: number,
  window: TimeWindow,
): Promise<Violations> {
  const mostKwh = (feeder.availableKw * slotMinutes) / 60;
  const slots = await listFeederEnergy(database, [feeder.id], window);
  return slots
    .filter(({ kwh }) => kwh > mostKwh + LIMIT_TOLERANCE_KWH)
    .map(({ slotStartMs, kwh }) => {
      const at = new Date(slotStartMs).toISOString();
      return `${feeder.id} gave ${kwh.toFixed(3)} kWh in the slot of ${at}; its limit leaves ${mostKwh}`;
    });
}

/** When each car slept, as its closed connections tell: availability is not paid for that. Silence is no sleep: it may be ours. */
async function readNaps(database: Database): Promise<Map<string, TimeWindow[]>> {
  const lines = await database.query<{ vehicleId: string; atMs: number; isAsleep: boolean }>(
    `select subject as "vehicleId", at as "atMs", kind = 'asleep' as "isAsleep" from journal
     where (kind = 'asleep' and message like '%its connection was closed') or (kind = 'woken' and message like '% is online') order by at, seq`,
  );
  const naps = new Map<string, TimeWindow[]>();
  for (const { vehicleId, atMs, isAsleep } of lines) {
    const known = naps.get(vehicleId) ?? [];
    const last = known.at(-1);
    if (isAsleep) known.push({ startMs: atMs, endMs: Number.POSITIVE_INFINITY });
    else if (last) known[known.length - 1] = { ...last, endMs: Math.min(last.endMs, atMs) };
    naps.set(vehicleId, known);
  }
  return naps;
}

const overlapMs = (a: TimeWindow, b: TimeWindow): number =>
  Math.max(0, Math.min(a.endMs, b.endMs) - Math.max(a.startMs, b.startMs));

/** The part of a stay that lies in hours of the clock, in UTC, for half of which or more the car was awake. */
function awakeHours(stay: TimeWindow, naps: readonly TimeWindow[]): number {
  let owedMs = 0;
  for (let startMs = Math.floor(stay.startMs / HOUR_MS) * HOUR_MS; startMs < stay.endMs; startMs += HOUR_MS) {
    const part = { startMs: Math.max(startMs, stay.startMs), endMs: Math.min(startMs + HOUR_MS, stay.endMs) };
    const asleepMs = naps.reduce((sum, nap) => sum + overlapMs(part, nap), 0);
    if (part.endMs - part.startMs - asleepMs >= Math.min(MIN_AWAKE_MS, part.endMs - part.startMs))
      owedMs += part.endMs - part.startMs;
  }
  return owedMs / HOUR_MS;
}

/** Every stay whose ready-by has passed was charged as promised, and every one that has ended is settled and paid once. */
export async function ownersWhole(database: Database, nowMs: number): Promise<Violations> {
  const stays = await database.query<{
    vehicleId: string;
    stay: number;
    pluggedInAtMs: number;
    readyByMs: number;
    unpluggedAtMs: number | null;
    targetSocPercent: number;
    readyBySocPercent: number | null;
    isSettled: boolean;
    entries: number;
    hours: number | null;
  }>(
    `select p.vehicle_id as "vehicleId", p.stay, p.plugged_in_at as "pluggedInAtMs", p.ready_by as "readyByMs",
       p.unplugged_at as "unpluggedAtMs", p.target_soc_percent as "targetSocPercent",
       p.ready_by_soc_percent as "readyBySocPercent", p.settled is not null as "isSettled",
       count(e.entry_id)::int as entries, sum(e.quantity_millionths) / 1e6 as hours
     from parking_sessions p join vehicles v on v.id = p.vehicle_id left join ledger_bookings b on b.kind = 'availability'
       and b.vehicle_id = p.vehicle_id and b.reference = 'session/' || p.vehicle_id || '/' || p.stay
       left join ledger_entries e on e.booking_id = b.booking_id and e.item = 'availability'
     where v.kind = 'car' group by p.vehicle_id, p.stay order by p.vehicle_id, p.stay`,
  );
  const naps = await readNaps(database);
  return stays.flatMap((stay) => {
    const violations: string[] = [];
    const name = `stay ${stay.stay} of ${stay.vehicleId}`;
    const endMs = stay.unpluggedAtMs ?? Number.POSITIVE_INFINITY;
    const isDue = stay.readyByMs <= endMs && nowMs - stay.readyByMs > SETTLED_WITHIN_MS;
    if (isDue && stay.readyBySocPercent === null) violations.push(`${name}: nobody looked at its ready-by`);
    if (isDue && (stay.readyBySocPercent ?? 100) < stay.targetSocPercent - SOC_TOLERANCE_PERCENT)
      violations.push(`${name}: ${stay.readyBySocPercent} % at its ready-by, target ${stay.targetSocPercent} %`);
    if (nowMs - endMs > SETTLED_WITHIN_MS && !stay.isSettled) violations.push(`${name}: it ended and is not settled`);
    if (stay.isSettled && stay.entries !== 1) violations.push(`${name}: ${stay.entries} entries for its availability`);
    const owed = stay.isSettled
      ? awakeHours({ startMs: stay.pluggedInAtMs, endMs }, naps.get(stay.vehicleId) ?? [])
      : 0;
    if ((stay.hours ?? 0) < owed - HOURS_TOLERANCE)
      violations.push(`${name}: ${stay.hours} h are paid, ${owed} h are owed`);
    return violations;
  });
}
