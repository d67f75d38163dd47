import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAtSite, siteSchema } from '../../domain/site.ts';

const WEDDING = siteSchema.parse({ latitude: 52.5496, longitude: 13.3594 });
/** A degree of latitude. */
const DEGREE_METERS = 111_195;

describe('a site', () => {
  test.each([
    ['at the plug', 52.5496, 13.3594, true],
    ['140 m north', 52.5496 + 140 / DEGREE_METERS, 13.3594, true],
    ['160 m north', 52.5496 + 160 / DEGREE_METERS, 13.3594, false],
    // A degree of longitude is shorter than one of latitude there.
    ['about 150 m east', 52.5496, 13.3594 + 148 / (DEGREE_METERS * Math.cos((52.5496 * Math.PI) / 180)), true],
    ['about 150 m east of it and more', 52.5496, 13.3594 + 155 / (DEGREE_METERS * 0.6081), false],
    ['nowhere', 0, 0, false],
  ])('%s', (_, latitude, longitude, expected) => {
    expect(isAtSite({ latitude, longitude }, WEDDING)).toBe(expected);
  });

  test('reaches across the date line', () => {
    const site = siteSchema.parse({ latitude: -16.8, longitude: 179.9995, radiusMeters: 200 });
    expect(isAtSite({ latitude: -16.8, longitude: -179.9995 }, site)).toBe(true);
  });

  test('holds its own centre, and is the same from both sides', () => {
    const latitude = fc.double({ min: -90, max: 90, noNaN: true });
    const longitude = fc.double({ min: -180, max: 180, noNaN: true });
    const place = fc.record({ latitude, longitude });
    fc.assert(
      fc.property(place, place, fc.double({ min: 20, max: 50_000, noNaN: true }), (a, b, radiusMeters) => {
        expect(isAtSite(a, { ...a, radiusMeters })).toBe(true);
        expect(isAtSite(a, { ...b, radiusMeters })).toBe(isAtSite(b, { ...a, radiusMeters }));
      }),
    );
  });
});
