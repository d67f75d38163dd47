/**
 * What 100,000,000 cars take. Measures one cell's plan, telemetry and orchestration on this machine, one after the other,
 * each by its own bench; then says by arithmetic, and under assumptions that it prints, how many cells and servers that is.
 *
 *     npm run bench:planet -- [--cars-of-cell 10000] [--messages 30000] [--shards 400] [--cars 100000000]
 */
import { execFile } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { planetOf, type Assumptions, type MeasuredCell } from './planet/arithmetic.ts';

const { values } = parseArgs({
  options: {
    cars: { type: 'string', default: '100000000' },
    'cars-of-cell': { type: 'string', default: '10000' },
    messages: { type: 'string', default: '30000' },
    shards: { type: 'string', default: '400' },
    'fields-per-minute': { type: 'string', default: '12' },
    'shards-per-day': { type: 'string', default: '24' },
    'busy-hours': { type: 'string', default: '8' },
    'server-eur-per-year': { type: 'string', default: '3000' },
  },
});
const MAX_OUTPUT_BYTES = 10_000_000;
const count = (number: number): string => Math.ceil(number).toLocaleString('en');

console.log(`MEASURED here, on ${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.versions.node}:`);
const carsOfCell = Number(values['cars-of-cell']);
const planSeconds = await figure(
  'cell.ts',
  ['--cars', values['cars-of-cell']],
  /^\| [\d,]+ \|(?: [\d.]+ \|){5} ([\d.]+) \|/m,
);
tell(`plan of a cell of ${carsOfCell.toLocaleString('en')} cars, rows to orders: ${planSeconds.toFixed(1)} s`);
const messagesPerSecond = await figure(
  'telemetry.ts',
  ['--cars', values['cars-of-cell'], '--messages', values.messages, '--rate', '500', '--seconds', '2'],
  /fusion and store: (\d+) messages\/s/,
);
tell(`telemetry through broker, fusion and store: ${messagesPerSecond.toFixed(0)} messages/s`);
const shardsPerSecond = await figure(
  'orchestration.ts',
  ['--shards', values.shards, '--rounds', '1'],
  /job (\d+) shards\/s/,
);
tell(`shards through jobs and the development server of Temporal: ${shardsPerSecond.toFixed(0)} a second`);

const measured: MeasuredCell = { cars: carsOfCell, planSeconds, messagesPerSecond, shardsPerSecond };
const assumed: Assumptions = {
  cars: Number(values.cars),
  slotMinutes: 15,
  fieldsPerMinute: Number(values['fields-per-minute']),
  shardsPerCarAndDay: Number(values['shards-per-day']),
  busyHours: Number(values['busy-hours']),
  use: 0.5,
  coresPerServer: 32,
  serverEurPerYear: Number(values['server-eur-per-year']),
};
console.log(`
ASSUMED: a car sends ${assumed.fieldsPerMinute} fields a minute all day and computes ${assumed.shardsPerCarAndDay} shards a day within
${assumed.busyHours} hours; half of a core's time is used; a server has ${assumed.coresPerServer} such cores and costs ${assumed.serverEurPerYear} EUR a year.`);

const planet = planetOf(measured, assumed);
console.log(`
ARITHMETIC, nobody has run it: ${assumed.cars.toLocaleString('en')} cars are ${count(planet.cells)} cells of the measured size.
  planning         ${count(planet.planCores)} cores
  telemetry        ${count(planet.telemetryCores)} cores
  orchestration    ${count(planet.orchestrationCores)} cores
  together         ${count(planet.servers)} servers, ${planet.eurPerCarAndYear.toFixed(3)} EUR a car and year
Not in it: storage and its copies, traffic, the object store, people. A measurement counts as one busy core though it
shared the machine with PostgreSQL, its senders and whatever else ran: the figures err to the high side.`);

/** Runs another bench in a process of its own. @returns the number that its output names */
async function figure(bench: string, args: readonly string[], pattern: RegExp): Promise<number> {
  const script = fileURLToPath(new URL(`./${bench}`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, ...args], {
    maxBuffer: MAX_OUTPUT_BYTES,
  });
  const found = Number(pattern.exec(stdout)?.[1]);
  if (!Number.isFinite(found)) throw new Error(`${bench} printed no figure:\n${stdout}`);
  return found;
}

function tell(line: string): void {
  console.log(`  ${line} (load average ${loadavg()[0]?.toFixed(1)})`);
}
