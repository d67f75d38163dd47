import { Command, Option } from 'commander';

import { NightshiftError } from '../../../domain/errors.ts';
import type { FleetFault } from '../../../simulator/seededFleet.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { wholeNumber } from '../numberOption.ts';
import type { CommandFactory } from '../program.ts';

interface SimulateOptions {
  readonly cars: number;
  readonly night: string;
  readonly hours: number;
  readonly seed: number;
  readonly fault: readonly string[];
  readonly json?: true;
}

export const fleetCommand: CommandFactory = (terminal, done) => {
  const fleet = new Command('fleet').description('simulate fleets of any size');
  fleet
    .command('simulate')
    .description('live a seeded fleet through a night as fast as this machine can, and say what each car costs')
    .option('--cars <count>', 'number of cars', wholeNumber(1, 1_000_000), 1_000)
    .requiredOption('--night <date>', 'day on whose noon (UTC) it begins, YYYY-MM-DD')
    .option('--hours <hours>', 'length', wholeNumber(1, 168), 24)
    .option('--seed <number>', 'the same seed gives the same fleet', wholeNumber(0, 2 ** 31), 1)
    .addOption(
      new Option(
        '--fault <fault...>',
        'what goes wrong: coverage, mass-departure, heat-wave, cold-night, deaf-modems',
      ).default([]),
    )
    .option('--json', 'print JSON')
    .action(async (options: SimulateOptions) => {
      const { FLEET_FAULTS, seededFleet } = await import('../../../simulator/seededFleet.ts');
      const { runFleet } = await import('../../../simulator/fleetRun.ts');
      const startMs = Date.parse(`${options.night}T12:00:00Z`);
      if (Number.isNaN(startMs)) throw wrong('night', 'must be a date, YYYY-MM-DD');
      const faults = options.fault.map((given): FleetFault => {
        const known = FLEET_FAULTS.find((fault) => fault === given);
        if (!known) throw wrong('fault', `${JSON.stringify(given)} must be one of ${FLEET_FAULTS.join(', ')}`);
        return known;
      });
      const { seed, hours } = options;
      const cars = seededFleet({ cars: options.cars, seed, startMs, hours, regionId: 'simulated', faults });
      const run = runFleet({ cars, seed, startMs, hours });
      const scale = (run.gridHours * 3_600) / run.realSeconds;
      const microsecondsPerCar = (run.cpuSeconds * 1e6) / run.cars / (run.gridHours * 60);
      if (options.json) terminal.out(`${JSON.stringify({ ...run, scale, microsecondsPerCar }, null, 2)}\n`);
      else {
        terminal.out(
          `${run.cars} cars, ${run.gridHours} h in ${run.realSeconds.toFixed(1)} s: scale ${scale.toFixed(0)}\n` +
            `${microsecondsPerCar.toFixed(1)} µs of CPU a car and grid minute; ${run.messages} telemetry messages\n` +
            `plugged ${((100 * run.pluggedHours) / (run.cars * run.gridHours)).toFixed(1)} % of the time, ` +
            `charged ${run.chargingKwh.toFixed(0)} kWh, ${run.departures} departures\n`,
        );
      }
      done(EXIT_CODES.ok);
    });
  return fleet;
};

function wrong(field: string, message: string): NightshiftError {
  return new NightshiftError('invalid_request', `--${field} ${message}.`, { field });
}
