import { mkdir, writeFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { readAgentConfig } from '../../agent/agentConfig.ts';
import { HostSensors } from '../../agent/hostSensors.ts';
import { HostVehicle } from '../../agent/hostVehicle.ts';
import { openPowerMeter } from '../../agent/powerMeter.ts';
import { probeComputer } from '../../agent/probe.ts';
import { PowerGate } from '../../car/shard/powerGate.ts';
import { cleanUp, temporaryFolder } from '../car/shard/support/testCar.ts';

const log = pino({ level: 'silent' });
afterAll(cleanUp);

const MINIMAL = { api: 'https://nightshift.example', carId: 'car-a', key: 'nsc_0123456789abcdef' };

async function configFile(config: unknown): Promise<string> {
  const file = join(await temporaryFolder(), 'agent.yaml');
  await writeFile(file, JSON.stringify(config));
  return file;
}

describe('an agent’s config', () => {
  test('needs the API, the car and its key; all else has a default', async () => {
    const file = await configFile(MINIMAL);
    expect(await readAgentConfig(file)).toMatchObject({
      ...MINIMAL,
      execution: { provider: 'cpu' },
      power: { meter: { source: 'modelled' }, overheadWatts: 0 },
      stateDir: join(file, '..', 'state'),
    });
  });

  test.each([
    [{ key: undefined }, 'key'],
    [{ api: 'nightshift.example' }, 'api'],
    [{ execution: { provider: 'quantum' } }, 'execution.provider'],
    [{ power: { meter: { source: 'hwmon' } } }, 'power.meter.path'],
    [{ temperature: { from: { file: 'a' }, stopAboveCelsius: 80, startBelowCelsius: 90 } }, 'startBelowCelsius'],
    [{ databaseUrl: 'postgres://db' }, 'databaseUrl'],
  ])('refuses %j by its field', async (change, field) => {
    await expect(readAgentConfig(await configFile({ ...MINIMAL, ...change }))).rejects.toThrow(field);
  });
});

describe('power meters', () => {
  test('read a file of microwatts', async () => {
    const path = join(await temporaryFolder(), 'power1_input');
    await writeFile(path, '15200000\n');
    expect(await openPowerMeter({ source: 'hwmon', path })?.()).toBeCloseTo(15.2);
    await writeFile(path, 'n/a\n');
    await expect(openPowerMeter({ source: 'hwmon', path })?.()).rejects.toThrow('n/a');
  });

  test('ask nvidia-smi for the board that is named', async () => {
    const folder = await temporaryFolder();
    const path = process.env['PATH'];
    // Stands for the driver's tool: it answers as the real one does for board 1, and has no other.
    const script =
      '#!/bin/sh\n[ "$*" = "--id=1 --query-gpu=power.draw --format=csv,noheader,nounits" ] && echo " 61.53" || echo "[N/A]"\n';
    await writeFile(join(folder, 'nvidia-smi'), script, { mode: 0o755 });
    process.env['PATH'] = `${folder}:${path}`;
    try {
      expect(await openPowerMeter({ source: 'nvidia-smi', gpu: 1 })?.()).toBeCloseTo(61.53);
      await expect(openPowerMeter({ source: 'nvidia-smi', gpu: 0 })?.()).rejects.toThrow('[N/A]');
    } finally {
      process.env['PATH'] = path;
    }
  });

  test('read an energy counter over its wrap-around', async () => {
    const path = await temporaryFolder();
    const set = (microjoules: number) => writeFile(join(path, 'energy_uj'), `${microjoules}\n`);
    await writeFile(join(path, 'max_energy_range_uj'), '100000000\n');
    let nowMs = 0;
    const read = openPowerMeter({ source: 'rapl', path }, () => nowMs);
    await set(90_000_000);
    expect(await read?.()).toBeUndefined();
    nowMs = 1_000;
    await set(95_000_000);
    expect(await read?.()).toBeCloseTo(5);
    nowMs = 2_000;
    await set(7_000_000);
    expect(await read?.()).toBeCloseTo(12);
  });
});

describe('the host as a car', () => {
  test('counts what it draws, by the meter where it has one, and goes on after a restart', async () => {
    const folder = await temporaryFolder();
    let nowMs = 0;
    let watts: number | Error = 30;
    const open = () =>
      HostVehicle.open({
        vehicleId: 'car-a',
        regionId: 'north',
        hardwareClass: 'ai4',
        modelledKw: 0.5,
        readWatts: async () => {
          if (watts instanceof Error) throw watts;
          return watts;
        },
        overheadWatts: 10,
        folder,
        gridNowMs: () => nowMs,
        log,
      });
    const host = await open();
    expect(host.computeKw()).toBe(0.5);
    await host.measure();
    expect(host.computeKw()).toBeCloseTo(0.04);
    host.computeDraw(host.computeKw());
    nowMs = 3_600_000;
    expect((await host.reading()).computeKwh).toBeCloseTo(0.04);
    watts = 60;
    await host.measure();
    nowMs = 7_200_000;
    expect((await host.reading()).computeKwh).toBeCloseTo(0.11);
    watts = new Error('gone');
    await host.measure();
    expect(host.computeKw()).toBe(0.5);
    host.computeDraw(0);
    const again = await open();
    nowMs = 9_000_000;
    expect(await again.reading()).toEqual({ atMs: 9_000_000, chargingKwh: 0, computeKwh: expect.closeTo(0.11) });
  });
});

describe('sensors', () => {
  test('hold the gate with hysteresis, by the owner’s floor and wish, and when they cannot be read', async () => {
    const folder = await temporaryFolder();
    const file = (name: string) => join(folder, name);
    const gate = new PowerGate();
    const sensors = new HostSensors(
      {
        temperature: {
          from: { file: file('temp') },
          unit: 'millicelsius',
          stopAboveCelsius: 80,
          startBelowCelsius: 70,
        },
        battery: { from: { file: file('capacity') } },
        hold: { file: file('hold') },
        computeSocFloorPercent: 40,
      },
      gate,
      log,
    );
    await sensors.look();
    expect([...gate.reasons].sort()).toEqual(['soc_below_floor', 'too_hot']);
    await writeFile(file('temp'), '69000\n');
    await writeFile(file('capacity'), '41\n');
    await sensors.look();
    expect(gate.isOpen).toBe(true);
    await writeFile(file('temp'), '75000\n');
    await writeFile(file('hold'), '');
    await writeFile(file('capacity'), '39\n');
    await sensors.look();
    expect([...gate.reasons].sort()).toEqual(['owner_opted_out', 'soc_below_floor']);
    await writeFile(file('temp'), '80001\n');
    await sensors.look();
    await writeFile(file('temp'), '75000\n');
    await rm(file('hold'));
    await sensors.look();
    expect([...gate.reasons].sort()).toEqual(['soc_below_floor', 'too_hot']);
  });

  test('ask over HTTP whether it is "not now"; no answer is "not now"', async () => {
    let answer = '0';
    const server = createServer((_, response) => response.end(answer)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const gate = new PowerGate();
    const sensors = new HostSensors(
      {
        hold: { http: `http://127.0.0.1:${port}/` },
        temperature: undefined,
        battery: undefined,
        computeSocFloorPercent: 0,
      },
      gate,
      log,
    );
    await sensors.look();
    expect(gate.isOpen).toBe(true);
    answer = '1';
    await sensors.look();
    expect(gate.reasons).toEqual(['owner_opted_out']);
    answer = '0';
    await sensors.look();
    await new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    });
    await sensors.look();
    expect(gate.reasons).toEqual(['owner_opted_out']);
  });
});

describe('the probe', () => {
  test('measures the computer, and falls back to the CPU where a provider is not there', async () => {
    const folder = join(await temporaryFolder(), 'probe');
    await mkdir(folder);
    const probe = await probeComputer(folder, { executionProvider: 'coreml' }, async () => 12, 200);
    expect(probe).toMatchObject({ provider: 'cpu', watts: 12 });
    expect(probe.gflops).toBeGreaterThan(0.1);
  }, 30_000);
});
