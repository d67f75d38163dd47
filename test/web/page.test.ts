import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiServer, type ApiServer } from '../../api/http/server.ts';
import type { PageFiles } from '../../api/http/pageFiles.ts';
import { carReason } from '../../domain/claims.ts';
import { HOUR_MS } from '../../domain/durations.ts';
import { openParkingSession } from '../../store/parkingSessions.ts';
import { updateClaims } from '../../store/vehicleClaims.ts';
import { storePlan } from '../api/planFixture.ts';
import { useApi, type Json } from '../api/apiHarness.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { accessibilityFaults, builtPage, CHROMIUM, launchBrowser, openPage } from './browser.ts';

const MAX_PAGE_BYTES = 150_000;
const CARS = 10_000;

const { database } = useTestDatabase();
const api = useApi(database);
let files: PageFiles = new Map();
let server: ApiServer | undefined;
const urlWith = (key: string): string => `${server?.url}/#key=${encodeURIComponent(key)}`;

beforeAll(async () => {
  files = await builtPage();
  server = await startApiServer({ ...api.ports, page: files }, { host: '127.0.0.1', port: 0 });
  await openParkingSession(database, {
    vehicleId: 'car-1',
    pluggedInAtMs: Date.now() - HOUR_MS,
    readyByMs: Date.now() + 6 * HOUR_MS,
    targetSocPercent: 80,
    arrivalSocPercent: 40,
  });
  const condition = { plug: 'plugged', online: true, chargeKw: 7, computeKw: 0 } as const;
  const reasons = [carReason('policy', 'limit', 'owner_hours')];
  await updateClaims(database, [{ vehicleId: 'car-1', atMs: Date.now(), source: 'policy', reasons, condition }]);
  await storePlan(database, ['job']);
});
afterAll(() => server?.close());

test('the page is small', () => {
  const bytes = [...files.values()].reduce((sum, { gzipped }) => sum + gzipped.length, 0);
  expect(files.size).toBeGreaterThan(3);
  expect(bytes).toBeLessThan(MAX_PAGE_BYTES);
});

// Skipped where there is no Chromium: none is downloaded. CHROMIUM_PATH names one that lies elsewhere.
describe.skipIf(CHROMIUM === undefined)('in a browser', () => {
  let browser: Browser | undefined;
  const opened = async (options: Parameters<typeof openPage>[1] = {}) => {
    browser ??= await launchBrowser();
    return openPage(browser, options);
  };
  afterAll(() => browser?.close());

  test('a link signs in and leaves no key in the address; a key that is refused is asked for again', async () => {
    const { page } = await opened();
    await page.goto(urlWith('wrong'));
    await page.getByText('The API key is unknown.').waitFor();
    await page.getByLabel('Key', { exact: true }).fill('test-key');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Tonight' }).waitFor();
    expect(page.url()).toBe(`${server?.url}/`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Key', { exact: true }).waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    await page.close();
  });

  test.each(['light', 'dark'] as const)(
    'operators can use it with keyboard and screen reader, %s',
    async (colorScheme) => {
      const { page, complaints } = await opened({ colorScheme });
      await page.goto(urlWith('test-key'));
      const line = page.getByRole('row', { name: /Car car-1/ });
      await line.waitFor();
      await page.getByText('live', { exact: true }).waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);

      await page.locator('.car-rows').focus();
      await page.keyboard.press('ArrowDown');
      await page.waitForFunction('document.activeElement?.dataset.row !== undefined');
      await page.keyboard.press('Enter');
      const panel = page.getByRole('dialog');
      await panel.getByText('It computes only in the hours that the owner allows.').first().waitFor();
      expect(await accessibilityFaults(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await panel.waitFor({ state: 'detached' });
      expect(complaints).toEqual([]);
      await page.close();
    },
  );

  test('excluding a car asks why, and shows at once', async () => {
    const { page } = await opened();
    await page.goto(urlWith('test-key'));
    await page
      .getByRole('button', { name: /^Car car-1/ })
      .first()
      .click();
    const panel = page.getByRole('dialog').first();
    await panel.getByRole('button', { name: 'Exclude from computing' }).click();
    await page.getByLabel('Why? The journal keeps it.').fill('its fan rattles');
    await page.getByRole('dialog').last().getByRole('button', { name: 'Exclude from computing' }).click();
    await panel.getByRole('button', { name: 'Let it compute again' }).waitFor();
    await panel.getByText('its fan rattles').first().waitFor();
    const { lines } = await api.getJson('/ops/v1/journal');
    expect(lines.map(({ message }: Json) => message)).toContainEqual(expect.stringContaining('its fan rattles'));
    await page.close();
  });

  test('an owner says "not tonight" with one tap on a phone, and takes it back', async () => {
    const made = await api.fetch('/fleet/v1/owners/owner-of-car-1/keys', { method: 'POST' });
    const { key } = (await made.json()) as Json;
    const { policy } = await api.getJson('/fleet/v1/vehicles/car-1');
    const consent = { termsVersion: '1', givenAtMs: 1 };
    await api.fetch('/fleet/v1/vehicles/car-1/policy', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...policy, consent }),
    });
    const { page, complaints } = await opened({ viewport: { width: 390, height: 844 } });
    await page.goto(urlWith(key));
    await page.getByRole('button', { name: 'Not tonight' }).click();
    await page.getByRole('button', { name: 'Not tonight – undo' }).waitFor();
    const changed = await api.getJson('/fleet/v1/vehicles/car-1');
    expect(changed.policy.optOutUntilMs).toBe(changed.nextReadyByMs);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.getByRole('button', { name: 'Not tonight – undo' }).click();
    await page.getByRole('button', { name: 'Not tonight', exact: true }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('ten thousand cars are a list of a few lines in the page, and a change of one is drawn', async () => {
    await database.query(
      `insert into vehicles (id, region_id, feeder_id, owner_id, display_name, car_model, hardware_class, battery_kwh, charger, policy)
       select 'many-' || n, region_id, feeder_id, 'many', 'Many ' || n, car_model, hardware_class, battery_kwh, charger, policy
       from vehicles, generate_series(1, ${CARS - 2}) n where id = 'car-2'`,
    );
    const { page, complaints } = await opened();
    await page.goto(urlWith('test-key'));
    await page.getByText('10,000 cars', { exact: true }).waitFor();
    expect(await page.locator('.car-rows [role=row]').count()).toBeLessThan(40);
    await page.locator('.car-rows').evaluate((list) => (list.scrollTop = list.scrollHeight));
    await page
      .getByRole('row', { name: /Many 9999|Many 9998/ })
      .first()
      .waitFor();
    await page.getByRole('searchbox').fill('many-777');
    await page
      .getByRole('row', { name: /Many 777 / })
      .getByText('Away')
      .waitFor();
    const condition = { plug: 'plugged', online: true, chargeKw: 0, computeKw: 1.2 } as const;
    await updateClaims(database, [{ vehicleId: 'many-777', atMs: Date.now(), source: 'plan', reasons: [], condition }]);
    await page
      .getByRole('row', { name: /Many 777 / })
      .getByText('Computing')
      .waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });
});
