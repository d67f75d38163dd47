import type { Logger } from 'pino';
import type { JournalLine } from '../../domain/journal.ts';
import type { KeyedCar } from '../../store/carKeys.ts';
import type { Refusal } from './refusal.ts';
import type { GatewayPorts } from './server.ts';

/** A car that asks again and again is told of once in this time, with how often it was refused since. */
const REPEAT_REAL_MS = 600_000;
const MAX_REMEMBERED = 10_000;

export interface RefusalLogPorts {
  readonly log: Logger;
  readonly now: () => number;
  /** Of a cell. Failures are the caller's to log. */
  readonly journal: (cellId: string, line: Omit<JournalLine, 'atMs'>) => void;
}

/** Tells operators of what cars were refused, in the log, and where the car is known in the journal too. */
export function createRefusalLog({ log, now, journal }: RefusalLogPorts): GatewayPorts['onRefused'] {
  const told = new Map<string, { realMs: number; sinceThen: number }>();
  return ({ kind, message }: Refusal, car: KeyedCar | undefined, peer: string) => {
    // Without a key, all that is known is the other end, whose port changes with each connection.
    const who = car?.vehicleId ?? peer.replace(/:\d+$/, '');
    const name = `${who} ${kind}`;
    const last = told.get(name);
    if (last && now() - last.realMs < REPEAT_REAL_MS) {
      last.sinceThen += 1;
      return;
    }
    if (told.size >= MAX_REMEMBERED) told.clear();
    told.set(name, { realMs: now(), sinceThen: 0 });
    const before = last?.sinceThen ? ` It was refused ${last.sinceThen} times more since it was last told.` : '';
    log.warn({ who, peer, refused: kind }, `${message}${before}`);
    if (!car) return;
    journal(car.cellId, {
      kind: 'car_refused',
      subject: car.vehicleId,
      message: `The gateway refused ${car.vehicleId}: ${message}${before}`,
      reasons: [{ code: `refused_${kind}`, text: message }],
    });
  };
}
