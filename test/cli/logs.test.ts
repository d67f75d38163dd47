import { spawn } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LogFilter, readLine } from '../../cli/logLines.ts';
import { eventually } from '../support/eventually.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const TSX = fileURLToPath(new URL('../../node_modules/tsx/dist/cli.mjs', import.meta.url));
const line = (second: number, name: string, fields: object, level = 'info', msg = 'something'): string =>
  `${JSON.stringify({ level, time: new Date(Date.UTC(2026, 0, 10, 22, 0, second)).toISOString(), pid: 1, hostname: 'h', name, ...fields, msg })}\n`;

let stateDir: string;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'nightshift-logs-'));
  await mkdir(join(stateDir, 'logs'));
  const write = (name: string, ...lines: string[]) => writeFile(join(stateDir, 'logs', name), lines.join(''));
  await write('api.log.1', line(1, 'api', { requestId: 'req_0' }));
  await write('api.log', line(3, 'api', { requestId: 'req_1', jobId: 'batch_1' }, 'info', 'a batch was taken'));
  await write('gateway.log', line(5, 'gateway', { jobId: 'batch_1', vehicleId: 'VIN1' }), 'not of ours\n');
  await write(
    'control.log',
    line(2, 'control', { vehicleId: 'VIN2' }),
    line(4, 'control', { workflowId: 'job/batch_1/wave/0', err: { message: 'gone', stack: '…' } }, 'warn'),
    line(6, 'control', { workflowId: 'session/VIN1/3' }),
  );
});
afterAll(() => rm(stateDir, { recursive: true, force: true }));

const env = (): NodeJS.ProcessEnv => ({
  ...process.env,
  NO_COLOR: '1',
  NIGHTSHIFT_STATE_DIR: stateDir,
  NIGHTSHIFT_CONFIG: '',
});
function takes(wanted: object, ...lines: string[]): boolean[] {
  const filter = new LogFilter({ ids: [], ...wanted });
  return lines.map((text) => filter.takes(readLine(text.trimEnd())));
}

/** Lines of a car with this id. */
function takesVin1(id: string): boolean[] {
  return takes({ ids: ['VIN1'] }, line(1, 'a', { vehicleId: id }), line(2, 'a', { workflowId: `session/${id}/3` }));
}

describe('a filter takes', () => {
  test('what is about an id, also inside of a name, and nothing that only looks like it', () => {
    expect(takesVin1('VIN1')).toEqual([true, true]);
    expect(takesVin1('VIN12')).toEqual([false, false]);
  });

  test('a request, and from then on the job that it began', () => {
    const early = line(1, 'a', { jobId: 'batch_1' });
    const begun = line(2, 'a', { requestId: 'req_1', jobId: 'batch_1' });
    const late = line(3, 'b', { workflowId: 'job/batch_1' });
    expect(takes({ ids: ['req_1'] }, early, begun, late)).toEqual([false, true, true]);
  });

  test('levels from the wanted one on, one process, and times', () => {
    const [info, error] = [line(1, 'a', {}), line(2, 'b', {}, 'error')];
    expect(takes({ level: 'warn' }, info, error)).toEqual([false, true]);
    expect(takes({ name: 'a' }, info, error)).toEqual([true, false]);
    expect(takes({ sinceMs: Date.UTC(2026, 0, 10, 22, 0, 2) }, info, error)).toEqual([false, true]);
  });

  test('what is no line of ours, where nobody asks for an id', () => {
    expect([...takes({}, 'hello'), ...takes({}, '{"half'), ...takes({ ids: ['x'] }, 'hello')]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

test('lines of all processes come in the order of time, and one request leads through them', async () => {
  const input = spawn(process.execPath, [TSX, MAIN, 'logs', 'req_1'], {
    env: env(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  for await (const chunk of input.stdout) out += String(chunk);
  expect(out.trimEnd().split('\n')).toEqual([
    expect.stringMatching(/^22:00:03\.000 api {6}info {2}a batch was taken {2}requestId=req_1 jobId=batch_1$/),
    expect.stringMatching(
      /^22:00:04\.000 control {2}warn {2}something {2}workflowId=job\/batch_1\/wave\/0 err="gone"$/,
    ),
    expect.stringMatching(/^22:00:05\.000 gateway /),
  ]);
});

test('what is piped in is read instead', async () => {
  const child = spawn(process.execPath, [TSX, MAIN, 'logs', 'VIN9', '--json'], { env: env() });
  child.stdin.end(line(1, 'api', { vehicleId: 'VIN9' }) + line(2, 'api', { vehicleId: 'VIN8' }));
  let out = '';
  for await (const chunk of child.stdout) out += String(chunk);
  expect(out).toBe(line(1, 'api', { vehicleId: 'VIN9' }));
});

test('what comes is followed, also into a file that is begun anew', async () => {
  const child = spawn(process.execPath, [TSX, MAIN, 'logs', 'VIN7', '--follow'], {
    env: env(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const has = (text: string) => eventually(text, 60_000, async () => (out.includes(text) ? true : undefined));
  try {
    await appendFile(join(stateDir, 'logs', 'api.log'), line(7, 'api', { vehicleId: 'VIN7' }, 'info', 'first'));
    await has('first');
    await writeFile(join(stateDir, 'logs', 'api.log'), line(8, 'api', { vehicleId: 'VIN7' }, 'info', 'then'));
    await has('then');
  } finally {
    child.kill();
  }
});
