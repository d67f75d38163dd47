import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readAgentConfig } from '../../agent/agentConfig.ts';
import { exchangeCode, readAgentSettings } from '../../agent/carDoors.ts';
import { temporaryFolder } from '../car/shard/support/testCar.ts';
import { cli } from '../cli/cliRun.ts';
import { CELL } from '../support/fleetFixture.ts';
import { freePort } from '../support/freePorts.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);

async function newCode(vin = 'car-1'): Promise<Json> {
  return (await api.fetch(`/fleet/v1/vehicles/${vin}/codes`, { method: 'POST' })).json();
}

async function ownerKey(owner: string): Promise<string> {
  return ((await (await api.fetch(`/fleet/v1/owners/${owner}/keys`, { method: 'POST' })).json()) as Json).key;
}

async function askForCode(owner: string): Promise<number> {
  const headers = { authorization: `Bearer ${await ownerKey(owner)}` };
  return (await api.fetch('/fleet/v1/vehicles/car-1/codes', { method: 'POST', headers })).status;
}

describe('an agent', () => {
  test('gets its car’s key for a code, once, and with the key what it needs to know', async () => {
    const { code, car_id, expires_at } = await newCode();
    expect(car_id).toBe('car-1');
    expect(expires_at * 1000).toBeGreaterThan(Date.now());
    const { carId, key } = await exchangeCode(api.server.url, code);
    expect(carId).toBe('car-1');
    await expect(exchangeCode(api.server.url, code)).rejects.toThrow('used');
    expect(await readAgentSettings({ apiUrl: api.server.url, carId, key })).toEqual({
      car_id: 'car-1',
      region_id: 'oslo',
      hardware_class: 'ai4',
      model_families: ['general', 'ocr', 'f'],
      clock: { origin_ms: CELL.clock.originMs, anchor_ms: CELL.clock.anchorMs, scale: 1 },
      gateway: api.ports.carDoors.gateway,
      mqtt_url: api.ports.carDoors.mqttUrl,
      telemetry_base: api.ports.carDoors.telemetryBase,
      compute_kw: expect.closeTo((0.16 + 0.25 + 0.16 / 4) / 0.88),
      compute_soc_floor_percent: 40,
    });
  });

  test('is enrolled from a terminal: a try that fails leaves nothing in the way of the next', async () => {
    const file = join(await temporaryFolder(), 'agent.yaml');
    const enrol = (url: string, code: string) => cli('agent', 'enrol', '--api', url, '--code', code, '--file', file);
    const { code } = await newCode();
    expect((await enrol(api.server.url, 'nse_made-up')).err).toContain('unknown, used or expired');
    expect((await enrol(`http://127.0.0.1:${await freePort()}`, code)).err).toContain('ECONNREFUSED');
    expect((await enrol('nightshift.example', code)).err).toContain('must begin with http:// or https://');
    expect(await enrol(api.server.url, code)).toMatchObject({ code: 0, out: expect.stringContaining('its key is in') });
    expect((await readAgentConfig(file)).carId).toBe('car-1');
    // What is there may be another car's key.
    expect((await enrol(api.server.url, (await newCode()).code)).err).toContain('it exists');
    expect((await readAgentConfig(file)).key).toMatch(/^nsc_/);
  });

  test('learns nothing with another key, and can do nothing else with its own', async () => {
    const { code } = await newCode();
    const { key } = await exchangeCode(api.server.url, code);
    for (const wrong of ['', 'nsc_made-up', code]) {
      await expect(readAgentSettings({ apiUrl: api.server.url, carId: 'car-1', key: wrong })).rejects.toMatchObject({
        code: 'unauthorized',
      });
    }
    const headers = { authorization: `Bearer ${key}` };
    for (const path of ['/fleet/v1/vehicles', '/v1/batches', '/ops/v1/status']) {
      expect((await api.fetch(path, { headers })).status, path).toBe(401);
    }
    const codes = await api.fetch('/fleet/v1/vehicles/car-1/codes', { method: 'POST', headers });
    expect(codes.status).toBe(401);
  });

  test('has its code made by its own owner or the operator, by no other owner', async () => {
    expect(await askForCode('owner-of-car-1')).toBe(200);
    expect(await askForCode('owner-of-car-2')).toBe(404);
  });
});
