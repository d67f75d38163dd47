import { Command, Option } from 'commander';

import { NightshiftError } from '../../domain/errors.ts';
import { PARKING_PLACES, type ParkingPlace } from '../../simulator/carSpec.ts';
import { FLEET_FAULTS, type FleetFault, type FleetNight } from '../../simulator/fleetFaults.ts';
import type { ScenarioCar } from '../../simulator/fleetMember.ts';
import type { FleetRun } from '../../simulator/fleetRun.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { wholeNumber } from '../numberOption.ts';
import type { CommandFactory } from '../command.ts';
import type { Terminal } from '../terminal.ts';

interface SimulateOptions {
  readonly cars?: number;
  readonly night: string;
  readonly hours: number;
  readonly seed: number;
  readonly place: ParkingPlace;
  readonly fault: readonly string[];
  readonly stays?: string;
  readonly timeZone: string;
  readonly shiftDays: number;
  readonly json?: true;
}

const SEEDED_CARS = 1_000;
const MAX_SHIFT_DAYS = 36_500;

export const fleetCommand: CommandFactory = (terminal, done) => {
  const fleet = new Command('fleet').description(
    'say what the fleet can do, add regions and classes to it, and simulate fleets of any size',
  );
  withApiOptions(fleet.command('status'))
    .description('what the fleet can compute with: now, tonight and until the morning, by region and class')
    .option('--json', 'print JSON')
    .action(async (options: ApiOptions & { readonly json?: true }) => {
      const { CarClient } = await import('../../api/client/carClient.ts');
      const capacity = await new CarClient(await openApi(options)).capacity();
      const { capacityText } = await import('../fleetText.ts');
      terminal.out(options.json ? `${JSON.stringify(capacity, null, 2)}\n` : capacityText(capacity, terminal));
    });
  withApiOptions(fleet.command('speeds'))
    .description('how fast each class runs each model, as stated and as accepted shards have shown')
    .option('--json', 'print JSON')
    .action(async (options: ApiOptions & { readonly json?: true }) => {
      const { CarClient } = await import('../../api/client/carClient.ts');
      const speeds = await new CarClient(await openApi(options)).speeds();
      const { speedsText } = await import('../fleetText.ts');
      terminal.out(options.json ? `${JSON.stringify(speeds, null, 2)}\n` : speedsText(speeds, terminal));
    });
  withApiOptions(fleet.command('region'))
    .description('add a region with its feeders and feeds, or change them; nothing is restarted')
    .argument('<file>', 'YAML or JSON, as one of `regions` in the cell file (docs/cell-file.md)')
    .action(async (file: string, options: ApiOptions) => {
      const { id, ...region } = await readNamed(file);
      const { CarClient } = await import('../../api/client/carClient.ts');
      const feeders = await new CarClient(await openApi(options)).putRegion(id, region);
      terminal.out(`Region ${id} with ${feeders.join(', ')} is planned from the next plan on.\n`);
    });
  withApiOptions(fleet.command('class'))
    .description('add a class of computers, or change its figures; nothing is restarted')
    .argument('<file>', 'YAML or JSON, as one of `classes` in the cell file (docs/cell-file.md)')
    .action(async (file: string, options: ApiOptions) => {
      const { id, ...figures } = await readNamed(file);
      const { CarClient } = await import('../../api/client/carClient.ts');
      await new CarClient(await openApi(options)).putClass(id, figures);
      terminal.out(`Class ${id} is planned with from the next plan on.\n`);
    });
  fleet
    .command('simulate')
    .description('live a fleet through a night as fast as this machine can, and say what each car costs')
    .option(
      '--cars <count>',
      `number of cars; left out: ${SEEDED_CARS}, or one for each user of --stays`,
      wholeNumber(1, 1_000_000),
    )
    .requiredOption('--night <date>', 'day on whose noon (UTC) it begins, YYYY-MM-DD')
    .option('--hours <hours>', 'length', wholeNumber(1, 168), 24)
    .option('--seed <number>', 'the same seed gives the same fleet', wholeNumber(0, 2 ** 31), 1)
    .addOption(new Option('--place <place>', 'where the cars are plugged in').choices(PARKING_PLACES).default('home'))
    .option(
      '--stays <file>',
      'recorded stays, CSV (backtest/traces/sessions.ts has the columns); left out: from the seed',
    )
    .option('--time-zone <zone>', 'IANA zone of the stays’ clock', 'Europe/Oslo')
    .option('--shift-days <n>', 'move every stay by so many days', wholeNumber(-MAX_SHIFT_DAYS, MAX_SHIFT_DAYS), 0)
    .addOption(new Option('--fault <fault...>', `what goes wrong: ${FLEET_FAULTS.join(', ')}`).default([]))
    .option('--json', 'print JSON')
    .action(async (options: SimulateOptions) => {
      const { runFleet } = await import('../../simulator/fleetRun.ts');
      const night = nightOf(options);
      const cars = await carsOf(options, night);
      const run = runFleet({ cars, seed: night.seed, startMs: night.startMs, hours: night.hours });
      print(terminal, run, options.json === true);
      done(EXIT_CODES.ok);
    });
  return fleet;
};

async function readNamed(file: string): Promise<Record<string, unknown> & { id: string }> {
  const { readYamlObject } = await import('../files/readYamlObject.ts');
  const { id, ...rest } = await readYamlObject(file);
  if (typeof id === 'string' && id !== '') return { ...rest, id };
  throw new NightshiftError('invalid_request', `${file}: id: must be given.`, { field: 'id' });
}

function nightOf({ night, hours, seed, fault }: SimulateOptions): FleetNight {
  const startMs = Date.parse(`${night}T12:00:00Z`);
  if (Number.isNaN(startMs)) throw wrong('night', 'must be a date, YYYY-MM-DD');
  const faults = fault.map((given): FleetFault => {
    const known = FLEET_FAULTS.find((each) => each === given);
    if (!known) throw wrong('fault', `${JSON.stringify(given)} must be one of ${FLEET_FAULTS.join(', ')}`);
    return known;
  });
  return { startMs, hours, seed, faults };
}

async function carsOf(options: SimulateOptions, night: FleetNight): Promise<readonly ScenarioCar[]> {
  const { cars, place, stays: file, timeZone } = options;
  if (file === undefined) {
    const { seededFleet } = await import('../../simulator/seededFleet.ts');
    return seededFleet({ ...night, cars: cars ?? SEEDED_CARS, regionId: 'simulated', place });
  }
  const { readTextFile } = await import('../files/readTextFile.ts');
  const { clockText } = await import('../clockText.ts');
  const { readSessions } = await import('../../backtest/traces/sessions.ts');
  const { recordedFleet } = await import('../../simulator/recordedFleet.ts');
  // Asked for only to refuse a zone that does not exist before it gives wrong instants.
  clockText(timeZone, 'HH:mm');
  const { stays } = readSessions(await readTextFile(file), file, options);
  const fleet = recordedFleet({
    ...night,
    stays,
    regionId: 'simulated',
    place,
    ...(cars === undefined ? {} : { cars }),
  });
  if (fleet.length === 0) throw wrong('night', `${options.night} has no stay in ${file} within ${options.hours} h`);
  return fleet;
}

function print(terminal: Terminal, run: FleetRun, asJson: boolean): void {
  const scale = (run.gridHours * 3_600) / run.realSeconds;
  const microsecondsPerCar = (run.cpuSeconds * 1e6) / run.cars / (run.gridHours * 60);
  terminal.out(
    asJson
      ? `${JSON.stringify({ ...run, scale, microsecondsPerCar }, null, 2)}\n`
      : `${run.cars} cars, ${run.gridHours} h in ${run.realSeconds.toFixed(1)} s: scale ${scale.toFixed(0)}\n` +
          `${microsecondsPerCar.toFixed(1)} µs of CPU a car and grid minute; ${run.messages} telemetry messages\n` +
          `plugged ${((100 * run.pluggedHours) / (run.cars * run.gridHours)).toFixed(1)} % of the time, ` +
          `charged ${run.chargingKwh.toFixed(0)} kWh, ${run.departures} departures\n`,
  );
}

function wrong(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', `--${field} ${message}.`, { field });
}
