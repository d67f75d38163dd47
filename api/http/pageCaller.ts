import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';

import { gridTimeMs } from '../../domain/clock.ts';
import { listRegions } from '../../store/regions.ts';
import { listOwnedVehicles } from '../../store/vehicles.ts';
import { callerSchema, type CallerWire } from '../wire/page.ts';
import { identifyOwner, isOwnerKey } from './carCaller.ts';
import { bearerOf } from './auth.ts';
import type { ApiPorts } from './ports.ts';
import { answers } from './wire.ts';

/** Whoever looks at the page: an owner, or a tenant with what its key may do. */
export type Viewer =
  | { readonly kind: 'owner'; readonly ownerId: string }
  | {
      readonly kind: 'tenant';
      readonly keyId: string;
      readonly tenantId: string;
      readonly scopes: readonly string[];
      /** Regions that it sees as a utility. */
      readonly regionIds: readonly string[] | null;
    };

declare module 'hono' {
  interface ContextVariableMap {
    viewer: Viewer;
  }
}

const callerRoute = createRoute({
  method: 'get',
  path: '/page/v1/caller',
  summary: 'Who a key is, what it may look at, and what time it is in the cell',
  responses: answers('For keys of every kind', callerSchema),
});

/** Takes keys of every kind. @throws NightshiftError `unauthorized`, `rate_limited` */
export function identifyViewer({ database }: ApiPorts, authenticated: MiddlewareHandler): MiddlewareHandler {
  const owners = identifyOwner(database);
  return async (c, next) => {
    if (isOwnerKey(bearerOf(c))) {
      return owners(c, async () => {
        const caller = c.get('carCaller');
        if (caller.kind === 'owner') c.set('viewer', caller);
        await next();
      });
    }
    return authenticated(c, async () => {
      const { keyId, tenantId, scopes, regionIds } = c.get('caller');
      c.set('viewer', { kind: 'tenant', keyId, tenantId, scopes, regionIds });
      await next();
    });
  };
}

/** Regions that the viewer sees as a whole; null for all of the cell. */
export function regionsSeenBy(viewer: Viewer): readonly string[] | null {
  if (viewer.kind === 'owner') return [];
  return viewer.scopes.includes('ops') ? null : (viewer.regionIds ?? []);
}

export function rolesOf(viewer: Viewer): CallerWire['roles'] {
  if (viewer.kind === 'owner') return ['owner'];
  const roles = { ops: 'operator', grid: 'utility', submit: 'submitter' } as const;
  return (['ops', 'grid', 'submit'] as const).flatMap((scope) => (viewer.scopes.includes(scope) ? [roles[scope]] : []));
}

export function addPageCallerRoutes(app: OpenAPIHono, { database, cell, now, temporalUi }: ApiPorts): void {
  app.openapi(callerRoute, async (c: Context) => {
    const viewer = c.get('viewer');
    const seen =
      viewer.kind === 'owner'
        ? (await listOwnedVehicles(database, cell.id, viewer.ownerId)).map(({ regionId }) => regionId)
        : regionsSeenBy(viewer);
    const regions = (await listRegions(database, cell.id)).filter(({ id }) => seen?.includes(id) ?? true);
    const realMs = now();
    const isOperator = viewer.kind === 'tenant' && viewer.scopes.includes('ops');
    const answer: CallerWire = {
      kind: viewer.kind,
      name: viewer.kind === 'owner' ? viewer.ownerId : viewer.tenantId,
      key_id: viewer.kind === 'owner' ? null : viewer.keyId,
      scopes: viewer.kind === 'owner' ? [] : [...viewer.scopes],
      roles: rolesOf(viewer),
      cell: { id: cell.id, slot_minutes: cell.slotMinutes },
      clock: { real_ms: realMs, grid_ms: gridTimeMs(cell.clock, realMs), scale: cell.clock.scale },
      regions: regions.map(({ id, timeZone }) => ({ id, time_zone: timeZone })),
      temporal_ui: isOperator ? temporalUi : null,
    };
    return c.json(answer, 200);
  });
}
