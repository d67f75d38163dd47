import { z } from 'zod';

/** Where a plug is: a circle around it. Degrees of WGS 84. */
export const siteSchema = z.strictObject({
  latitude: z.number().min(-90).max(90),
  longitude: z.number().min(-180).max(180),
  /** Cars know their position to some 10 m; a street has other plugs than ours. */
  radiusMeters: z.number().min(20).max(50_000).default(150),
});
export type Site = z.output<typeof siteSchema>;

/** A car's position as telemetry says it. */
export const positionSchema = siteSchema.omit({ radiusMeters: true }).strip();
export type Position = z.output<typeof positionSchema>;

const EARTH_RADIUS_METERS = 6_371_000;

/** Whether a position is within the site, along the great circle. */
export function isAtSite(position: Position, site: Site): boolean {
  const [from, to] = [radians(position.latitude), radians(site.latitude)];
  const acrossLatitude = Math.sin((to - from) / 2) ** 2;
  const acrossLongitude = Math.sin(radians(site.longitude - position.longitude) / 2) ** 2;
  const haversine = acrossLatitude + Math.cos(from) * Math.cos(to) * acrossLongitude;
  return 2 * EARTH_RADIUS_METERS * Math.asin(Math.min(1, Math.sqrt(haversine))) <= site.radiusMeters;
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
