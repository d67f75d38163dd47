import { expect, test } from 'vitest';
import type { Answer } from '../../domain/answerLine.ts';
import { RunnerCrash } from '../../inference/runner/runnerChild.ts';
import { GatheredCalls } from '../../inference/runner/gatheredCalls.ts';

const answerTo = (body: unknown): Answer => ({ statusCode: 200, body: { of: body } });

/** A process that answers when it is told to. */
function process() {
  const calls: { readonly bodies: readonly unknown[]; readonly end: () => void }[] = [];
  const run = (bodies: readonly unknown[]): Promise<readonly Answer[]> =>
    new Promise((resolve) => calls.push({ bodies, end: () => resolve(bodies.map(answerTo)) }));
  return { run, calls };
}

test('who comes alone is answered at once; who waits at the same time is answered in one call', async () => {
  const { run, calls } = process();
  const gathered = new GatheredCalls(run);
  const answers = ['a', 'b', 'c', 'd', 'e'].map((body) => gathered.answer(body, 10));
  expect(calls.map(({ bodies }) => bodies)).toEqual([['a'], ['b']]);
  calls[0]?.end();
  await expect.poll(() => calls.length).toBe(3);
  expect(calls[2]?.bodies).toEqual(['c', 'd', 'e']);
  for (const { end } of calls) end();
  expect(await Promise.all(answers)).toEqual(['a', 'b', 'c', 'd', 'e'].map(answerTo));
});

test('a call has no more work than fits its limit, and a larger request goes alone', async () => {
  const { run, calls } = process();
  const gathered = new GatheredCalls(run);
  const works = [1, 1, 3_000, 1_000, 1_000, Number.POSITIVE_INFINITY, 5];
  const answers = works.map((units, index) => gathered.answer(index, units));
  for (let next = 0; next < 6; next += 1) {
    await expect.poll(() => calls.length).toBeGreaterThan(next);
    calls[next]?.end();
  }
  await Promise.all(answers);
  expect(calls.map(({ bodies }) => bodies)).toEqual([[0], [1], [2, 3], [4], [5], [6]]);
});

const runUntilPoisoned = async (bodies: readonly unknown[]): Promise<readonly Answer[]> => {
  if (bodies.includes('poison')) throw new RunnerCrash('It is gone.');
  return bodies.map(answerTo);
};

test('a request that kills the process fails alone', async () => {
  const gathered = new GatheredCalls(runUntilPoisoned);
  const answers = ['a', 'b', 'c', 'poison', 'd'].map((body) => gathered.answer(body, 1));
  const settled = await Promise.allSettled(answers);
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  await expect(answers[3]).rejects.toThrow('It is gone.');
});

test('what is no crash is everybody’s error', async () => {
  const gathered = new GatheredCalls(() => Promise.reject(new Error('no model')));
  const answers = await Promise.allSettled(['a', 'b', 'c', 'd'].map((body) => gathered.answer(body, 1)));
  expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
});
