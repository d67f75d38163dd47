import { MINUTE_MS } from '../domain/durations.ts';
import type { Plan } from '../scheduler/plan.ts';
import type { FeedState } from '../store/feedStates.ts';

/** What an operator should look at, before it becomes a loss. Instants are grid time. */
export interface Alert {
  readonly code:
    | 'limit_exceeded'
    | 'emergency'
    | 'owner_at_risk'
    | 'deadline_at_risk'
    | 'plan_too_old'
    | 'feed_failing'
    | 'utility_failing'
    | 'telemetry_late';
  /** The feeder, car, job, feed or region. */
  readonly subject: string;
  readonly regionId: string | null;
  readonly text: string;
  readonly severity: 'critical' | 'warning';
}

export interface AlertFacts {
  readonly nowMs: number;
  readonly slotMinutes: number;
  readonly plan: { readonly createdAtMs: number; readonly unmet: Plan['unmet'] } | undefined;
  /** Feeders in the last slot that has ended: what was metered with the houses, and the limit that was in force. */
  readonly feeders: readonly {
    readonly id: string;
    readonly regionId: string;
    readonly limitKw: number;
    readonly drawnKw: number | null;
    readonly emergency: boolean;
  }[];
  readonly feeds: readonly (FeedState & { readonly regionId: string })[];
  readonly utilities: readonly {
    readonly id: string;
    readonly regionId: string;
    readonly failures: number;
    readonly failure: string | null;
  }[];
  readonly onlineCars: number;
  /** Of them, those from which nothing was heard for longer than they may be silent. */
  readonly lateCars: number;
}

/** Meters count in steps, and a charger follows within seconds: less is no breach. */
const EXCESS_KW = 0.5;
const EXCESS_SHARE = 0.02;
/** A plan is made every slot; two slots without one mean that none is coming. */
const OLD_PLAN_SLOTS = 2;
/** One failed reading is followed by the next. */
const FAILURES = 3;
const LATE_SHARE = 0.1;

/** All that holds now, the critical first. */
export function alertsOf(facts: AlertFacts): Alert[] {
  const alerts = [...planAlerts(facts), ...feederAlerts(facts), ...sourceAlerts(facts), ...telemetryAlerts(facts)];
  const rank = ({ severity }: Alert): number => (severity === 'critical' ? 0 : 1);
  return alerts.sort((a, b) => rank(a) - rank(b));
}

function planAlerts({ nowMs, slotMinutes, plan }: AlertFacts): Alert[] {
  if (!plan) return [];
  const ageMinutes = (nowMs - plan.createdAtMs) / MINUTE_MS;
  const alerts: Alert[] = plan.unmet.map(({ kind, id, text }) => ({
    code: kind === 'job_deadline' ? 'deadline_at_risk' : 'owner_at_risk',
    subject: id,
    regionId: null,
    text,
    severity: kind === 'job_deadline' ? 'warning' : 'critical',
  }));
  if (ageMinutes > OLD_PLAN_SLOTS * slotMinutes) {
    const text = `The newest plan is ${Math.round(ageMinutes)} min old; one is due every ${slotMinutes} min.`;
    alerts.push({ code: 'plan_too_old', subject: 'plan', regionId: null, text, severity: 'critical' });
  }
  return alerts;
}

/** Whether more was drawn than the limit, beyond what meters and chargers cannot help. */
export function isExceeded(drawnKw: number | null, limitKw: number): drawnKw is number {
  return drawnKw !== null && drawnKw > limitKw + Math.max(EXCESS_KW, limitKw * EXCESS_SHARE);
}

function feederAlerts({ feeders }: AlertFacts): Alert[] {
  return feeders.flatMap(({ id, regionId, limitKw, drawnKw, emergency }): Alert[] => {
    const found: Alert[] = [];
    if (isExceeded(drawnKw, limitKw)) {
      const text = `${drawnKw.toFixed(1)} kW were drawn in the last slot, the limit was ${limitKw.toFixed(1)} kW.`;
      found.push({ code: 'limit_exceeded', subject: id, regionId, text, severity: 'critical' });
    }
    if (emergency) {
      const text = 'Its import limit is 0: its cars draw nothing.';
      found.push({ code: 'emergency', subject: id, regionId, text, severity: 'warning' });
    }
    return found;
  });
}

function sourceAlerts({ feeds, utilities }: AlertFacts): Alert[] {
  return [
    ...feeds
      .filter(({ failures }) => failures >= FAILURES)
      .map(({ feed, regionId, failures, failure }): Alert => {
        const text = `It failed ${failures} times in a row: ${failure ?? 'no reason is known'}`;
        return { code: 'feed_failing', subject: feed, regionId, text, severity: 'warning' };
      }),
    ...utilities
      .filter(({ failures }) => failures >= FAILURES)
      .map(({ id, regionId, failures, failure }): Alert => {
        const text = `It was not reached ${failures} times in a row: ${failure ?? 'no reason is known'}`;
        return { code: 'utility_failing', subject: id, regionId, text, severity: 'warning' };
      }),
  ];
}

function telemetryAlerts({ onlineCars, lateCars }: AlertFacts): Alert[] {
  if (onlineCars === 0 || lateCars / onlineCars <= LATE_SHARE) return [];
  const text = `Nothing new is known of ${lateCars} of ${onlineCars} cars that are online.`;
  return [{ code: 'telemetry_late', subject: 'telemetry', regionId: null, text, severity: 'warning' }];
}
