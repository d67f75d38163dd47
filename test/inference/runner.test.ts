import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { ModelCache } from '../../inference/modelCache.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import { Runner, RunnerStopped, type RunnerOptions } from '../../inference/runner/runner.ts';
import { RunnerCrash } from '../../inference/runner/runnerChild.ts';
import { processState } from './support/processes.ts';
import { cleanUp, storeWithShard, temporaryFolder } from '../car/shard/support/testCar.ts';
import { renderTextLines, requestLine, TEXTS } from './support/textLines.ts';

const linux = process.platform === 'linux';
const runners: Runner[] = [];
let model: LoadedModel;
let bodies: unknown[];
let expected: unknown;

beforeAll(async () => {
  const { objects, shard } = await storeWithShard();
  model = await new ModelCache(await temporaryFolder()).open(shard.model, objects);
  bodies = renderTextLines(TEXTS.slice(0, 7)).map((image): unknown => JSON.parse(requestLine('x', image)).body);
  expected = await newRunner().run(model, bodies);
});
afterEach(async () => {
  await Promise.all(runners.splice(0).map((runner) => runner.stop()));
});
afterAll(cleanUp);

function newRunner(options: Partial<RunnerOptions> = {}): Runner {
  const runner = new Runner(options);
  runners.push(runner);
  return runner;
}

/** The runner's process, once it is in the middle of a run. */
async function busyPid(runner: Runner): Promise<number> {
  return await vi.waitFor(
    () => {
      const { pid } = runner;
      if (pid === undefined || processState(pid) !== 'R') throw new Error('not busy yet');
      return pid;
    },
    { timeout: 10_000, interval: 2 },
  );
}

test('reads what is written, and tells a bad body from a good one', async () => {
  expect(expected).toMatchObject(
    TEXTS.slice(0, 7).map((text) => ({
      statusCode: 200,
      body: { outputs: [{ data: [text] }, { name: 'confidence' }] },
    })),
  );
  const answers = await newRunner().run(model, [bodies[0], {}, bodies[1]]);
  expect(answers.map((answer) => answer.statusCode)).toEqual([200, 400, 200]);
});

test.runIf(linux)('a process killed in mid-run is replaced, and the answers are the same', async () => {
  const runner = newRunner();
  await runner.load(model);
  const running = runner.run(model, bodies);
  const pid = await busyPid(runner);
  process.kill(pid, 'SIGKILL');
  await expect(running).resolves.toEqual(expected);
  expect(runner.pid).not.toBe(pid);
});

test('a call whose processes all die gives in', async () => {
  const runner = newRunner({ callLimitMs: 1, processesPerCall: 2 });
  await expect(runner.run(model, bodies)).rejects.toThrow(RunnerCrash);
  expect(runner.pid).toBeUndefined();
});

test.runIf(linux)('pause stops the process in mid-run, and resume gives the same answers', async () => {
  const runner = newRunner();
  await runner.load(model);
  const running = runner.run(model, bodies);
  const pid = await busyPid(runner);
  runner.pause();
  await vi.waitFor(() => expect(processState(pid)).toBe('T'));
  runner.resume();
  await expect(running).resolves.toEqual(expected);
  expect(runner.pid).toBe(pid);
});

test.runIf(linux)('stop ends a paused call and its process', async () => {
  const runner = newRunner();
  await runner.load(model);
  const running = runner.run(model, bodies);
  const pid = await busyPid(runner);
  runner.pause();
  await Promise.all([expect(running).rejects.toThrow(RunnerStopped), runner.stop()]);
  expect(processState(pid)).toBeUndefined();
});

test('stop ends a call that was paused before it reached the process', async () => {
  const runner = newRunner();
  await runner.load(model);
  const running = runner.run(model, bodies);
  runner.pause();
  await Promise.all([expect(running).rejects.toThrow(RunnerStopped), runner.stop()]);
});

test('a paused runner starts nothing until it is resumed', async () => {
  const runner = newRunner();
  runner.pause();
  const running = runner.run(model, bodies.slice(0, 1));
  await expect(Promise.race([running, new Promise((resolve) => setImmediate(resolve))])).resolves.toBeUndefined();
  expect(runner.pid).toBeUndefined();
  runner.resume();
  await expect(running).resolves.toHaveLength(1);
});

test('a worn process is replaced', async () => {
  const runner = newRunner({ callsPerProcess: 1 });
  await runner.run(model, bodies.slice(0, 1));
  const first = runner.pid;
  await runner.run(model, bodies.slice(0, 1));
  expect(runner.pid).not.toBe(first);
});

test('a version answers as itself, though it shares its network with the one before', async () => {
  const runner = newRunner();
  const body = bodies[0];
  await runner.run(model, [body]);
  const [answer] = await runner.run({ ...model, version: 'next' }, [body]);
  expect(answer?.body).toMatchObject({ model_version: 'next' });
});

test('a file that is no network is reported in its own words', async () => {
  const modelPath = join(await temporaryFolder(), 'garbage.onnx');
  await writeFile(modelPath, 'garbage');
  await expect(newRunner().load({ ...model, sha256: 'other', modelPath })).rejects.toThrow(/protobuf/i);
});

test.runIf(linux)(
  'the process sees nothing of the environment that may hold secrets, and runs under its limits',
  async () => {
    vi.stubEnv('TEMPORAL_API_KEY', 'secret');
    const runner = newRunner();
    await runner.load(model);
    vi.unstubAllEnvs();
    expect(readFileSync(`/proc/${runner.pid}/environ`, 'utf8')).not.toContain('secret');
    expect(readFileSync(`/proc/${runner.pid}/limits`, 'utf8')).toMatch(/Max data size\s+4294967296/);
  },
);

test.runIf(linux).each(['idle', 'paused'])('kill -9 of the parent takes an %s runner with it', async (state) => {
  const script = fileURLToPath(new URL('./support/runnerParent.ts', import.meta.url));
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const parent = spawn(process.execPath, ['--import', loader, script, JSON.stringify(model), state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output]: unknown[] = await once(parent.stdout, 'data');
  const runnerPid = Number(String(output));
  expect(processState(runnerPid)).toBeDefined();
  parent.kill('SIGKILL');
  await vi.waitFor(() => expect([undefined, 'Z']).toContain(processState(runnerPid)), { timeout: 10_000 });
});
