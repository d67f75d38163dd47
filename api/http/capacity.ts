import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';

import { gridTimeMs } from '../../domain/clock.ts';
import { nextMorningMs } from '../../domain/morning.ts';
import { energyUntilKwh, fleetCapacity } from '../../planning/capacity.ts';
import type { Plan } from '../../scheduler/plan.ts';
import type { PlanningProblem } from '../../scheduler/problem.ts';
import { latestPlan } from '../../store/plans.ts';
import { listRegions } from '../../store/regions.ts';
import { capacitySchema } from '../wire/capacity.ts';
import { operatorOnly } from './carCaller.ts';
import type { ApiPorts } from './ports.ts';
import { answers } from './wire.ts';

const capacityRoute = createRoute({
  method: 'get',
  path: '/fleet/v1/capacity',
  summary: 'What the fleet can compute with: now, by slot, and until the morning, by region and class',
  responses: answers('By the newest plan; nothing before the first', capacitySchema),
});

export function addCapacityRoutes(app: OpenAPIHono, { database, cell, now }: ApiPorts): void {
  app.openapi(capacityRoute, async (c) => {
    operatorOnly(c.get('carCaller'));
    const stored = await latestPlan<PlanningProblem, Plan>(database, cell.id);
    if (!stored) return c.json({ plan_id: null, slot_minutes: cell.slotMinutes, classes: [] }, 200);
    const zones = new Map((await listRegions(database, cell.id)).map(({ id, timeZone }) => [id, timeZone]));
    const nowMs = gridTimeMs(cell.clock, now());
    const classes = fleetCapacity(stored.problem, stored.plan).map((capacity) => {
      const { regionId, hardwareClass, cars, awake, curve } = capacity;
      const morningMs = nextMorningMs(nowMs, zones.get(regionId) ?? 'UTC');
      return {
        region: regionId,
        hardware_class: hardwareClass,
        cars,
        awake,
        now_kw: curve[0]?.kw ?? 0,
        planned_now_kw: curve[0]?.plannedKw ?? 0,
        morning: isoOf(morningMs),
        kwh_until_morning: energyUntilKwh(capacity, stored.problem, morningMs),
        curve: curve.map(({ startMs, kw, plannedKw }) => ({ start: isoOf(startMs), kw, planned_kw: plannedKw })),
      };
    });
    return c.json({ plan_id: stored.id, slot_minutes: cell.slotMinutes, classes }, 200);
  });
}

function isoOf(atMs: number): string {
  return new Date(atMs).toISOString();
}
