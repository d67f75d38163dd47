import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { planSchema, type Plan } from '../../scheduler/plan.ts';
import type { PlanningProblemInput } from '../../scheduler/problem.ts';
import { randomProblem } from '../../scheduler/randomProblem.ts';
import { cli } from './cliRun.ts';

let folder = '';
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-cli-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function problemFile(change: (problem: PlanningProblemInput) => void = () => undefined): Promise<string> {
  const problem = randomProblem({ cars: 8, slots: 32, feeders: 2, jobs: 1, seed: 3, feederShare: 1 });
  change(problem);
  const file = at('problem.json');
  await writeFile(file, JSON.stringify(problem));
  return file;
}

async function planned(): Promise<string> {
  const problem = await problemFile();
  await cli('plan', problem, '--out', at('plan.json'));
  return problem;
}

async function tampered(change: (plan: Plan) => void): Promise<string> {
  const plan = planSchema.parse(JSON.parse(await readFile(at('plan.json'), 'utf8')));
  change(plan);
  await writeFile(at('tampered.json'), JSON.stringify(plan));
  return at('tampered.json');
}

describe('nightshift', () => {
  test('prints help and version with exit code 0', async () => {
    expect(await cli('--help')).toMatchObject({ code: 0, err: '' });
    expect((await cli('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each([
    [['nonsense'], "unknown command 'nonsense'"],
    [['plan', '--out', 'x'], "missing required argument 'problem'"],
    [
      ['problem', 'random', '--seed', '1.5'],
      "argument '1.5' is invalid. It must be a whole number from 0 to 4294967295",
    ],
    [['problem', 'random', '--cars', '-1'], "argument '-1' is invalid. It must be a whole number from 0 to"],
    [['explain', 'p.json', 'q.json'], 'Give either --car or --job.'],
  ])('refuses %j in plain words', async (argv, words) => {
    const { code, err } = await cli(...argv);
    expect(code).toBe(2);
    expect(err).toContain(words);
  });
});

describe('nightshift problem random', () => {
  test('gives the same problem for the same seed, on standard output or in a file', async () => {
    const options = ['--cars', '5', '--slots', '8', '--feeders', '1', '--jobs', '1', '--seed', '9'];
    const { code, out } = await cli('problem', 'random', ...options);
    expect(code).toBe(0);
    await cli('problem', 'random', ...options, '--out', at('random.json'));
    expect(JSON.parse(await readFile(at('random.json'), 'utf8'))).toEqual(JSON.parse(out));
  });
});

describe('nightshift plan', () => {
  test('writes a plan and its picture', async () => {
    const { code, out } = await cli('plan', await problemFile(), '--out', at('plan.json'), '--svg', at('plan.svg'));
    expect(code).toBe(0);
    expect(out).toContain('planned 8 cars and 1 jobs over 32 slots');
    expect(planSchema.parse(JSON.parse(await readFile(at('plan.json'), 'utf8'))).cars).toHaveLength(8);
    expect(await readFile(at('plan.svg'), 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  });

  test('prints its figures without writing a plan', async () => {
    expect((await cli('plan', await problemFile())).out).toContain('planned 8 cars');
  });

  test('exits with 3 and says what cannot be met', async () => {
    const file = await problemFile((problem) => {
      for (const feeder of problem.feeders) feeder.importLimitKw = feeder.houseLoadKw;
    });
    const { code, out } = await cli('plan', file, '--out', at('plan.json'));
    expect(code).toBe(3);
    expect(out).toContain('cannot be met:');
  });

  test('exits with 2 and names the field that is wrong', async () => {
    const file = await problemFile((problem) => {
      if (problem.cars[3]) problem.cars[3].chargerEfficiency = 1.2;
      problem.regions[0]?.priceEurPerKwh.pop();
    });
    const { code, err } = await cli('plan', file, '--out', at('plan.json'));
    expect(code).toBe(2);
    expect(err).toContain('cars[3].chargerEfficiency: must be at most 1');
  });

  test('exits with 2 when the file is missing or its folder is', async () => {
    expect(await cli('plan', at('none.json'), '--out', at('plan.json'))).toMatchObject({
      code: 2,
      err: `nightshift: ${at('none.json')} does not exist.\n`,
    });
    const { code, err } = await cli('plan', await problemFile(), '--out', at('none/plan.json'));
    expect(code).toBe(2);
    expect(err).toContain('plan.json cannot be written');
  });

  test('prints its figures as JSON', async () => {
    const { out } = await cli('plan', await problemFile(), '--out', at('plan.json'), '--json');
    expect(JSON.parse(out)).toMatchObject({ unmet: [], figures: { penaltyEur: 0 } });
  });
});

describe('nightshift check', () => {
  test('accepts a plan and prints cost, bound and gap', async () => {
    const { code, out } = await cli('check', await planned(), at('plan.json'));
    expect(out).toMatch(/^accepted[\s\S]*cost +[\d.]+ EUR[\s\S]*lower bound +[\d.]+ EUR\ngap +[\d.e-]+ %\n$/);
    expect(code).toBe(0);
  });

  test.each<[string, (plan: Plan) => void, string]>([
    ['more power than a charger has', (plan) => void plan.cars[0]?.chargeKw.fill(99), 'charger: car-0'],
    ['a cost that is not so', (plan) => void (plan.figures.costEur -= 1), 'figures: costEur'],
    ['a bound that is not so', (plan) => void (plan.certificate.lowerBoundEur += 1), 'certificate: lowerBoundEur'],
    ['a car that is gone', (plan) => void plan.cars.pop(), 'shape: cars'],
    ['charge left out in silence', (plan) => plan.cars.forEach((car) => car.chargeKw.fill(0)), 'unmet: ready_by'],
  ])('refuses %s and says so', async (_, change, words) => {
    const problem = await planned();
    const { code, out } = await cli('check', problem, await tampered(change));
    expect(out).toContain('refused');
    expect(out).toContain(words);
    expect(code).toBe(1);
  });

  test('refuses a feasible plan whose gap is too large', async () => {
    const problem = await planned();
    expect(await cli('check', problem, at('plan.json'), '--max-gap', '0')).toMatchObject({ code: 1 });
    expect((await cli('check', problem, at('plan.json'), '--max-gap', 'x')).err).toContain('at least 0');
  });

  test('prints its report as JSON', async () => {
    const { out } = await cli('check', await planned(), at('plan.json'), '--json');
    expect(JSON.parse(out)).toMatchObject({ accepted: true, ok: true, findings: [] });
  });
});

describe('nightshift explain', () => {
  test('explains a car on the wall clock of a zone', async () => {
    const problem = await problemFile();
    await cli('plan', problem, '--out', at('plan.json'));
    const { code, out } = await cli('explain', problem, at('plan.json'), '--car', 'car-0', '--time-zone', 'Asia/Tokyo');
    expect(code).toBe(0);
    expect(out).toContain('car car-0\nIt needs ');
    expect(out).toMatch(/by Tue 0\d:/);
  });

  test('explains a job as JSON', async () => {
    const problem = await problemFile();
    await cli('plan', problem, '--out', at('plan.json'));
    const { out } = await cli('explain', problem, at('plan.json'), '--job', 'job-0', '--json');
    expect(JSON.parse(out)).toMatchObject({ kind: 'job', id: 'job-0', unmet: [] });
  });

  test('names a car that is not there and a zone that does not exist', async () => {
    const problem = await problemFile();
    await cli('plan', problem, '--out', at('plan.json'));
    expect(await cli('explain', problem, at('plan.json'), '--car', 'x')).toMatchObject({
      code: 2,
      err: 'nightshift: The problem has no car "x".\n',
    });
    expect((await cli('explain', problem, at('plan.json'), '--car', 'car-0', '--time-zone', 'Oslo')).err).toContain(
      '"Oslo" is not an IANA time zone',
    );
  });
});
