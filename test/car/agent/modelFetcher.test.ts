import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';

import { ModelFetcher } from '../../../car/agent/modelFetcher.ts';
import { PowerGate } from '../../../car/shard/powerGate.ts';
import { REAL_TIME } from '../../../domain/clock.ts';
import { HOUR_MS } from '../../../domain/durations.ts';
import type { FetchedModel, ModelOrder } from '../../../domain/modelOrders.ts';
import { ModelCache } from '../../../inference/modelCache.ts';
import { cleanUp, storeWithShard, temporaryFolder } from '../shard/support/testCar.ts';

afterEach(cleanUp);

async function fetcher() {
  const { objects, shard } = await storeWithShard(['{}']);
  const folder = await temporaryFolder();
  const gate = new PowerGate();
  const told: FetchedModel[] = [];
  const made = new ModelFetcher({
    gate,
    models: new ModelCache(folder),
    openSlice: () => objects,
    clock: REAL_TIME,
    log: pino({ level: 'silent' }),
    tell: async (model) => void told.push(model),
  });
  const order = (over: Partial<ModelOrder['models'][number]> = {}, issuedAtMs = Date.now()): string => {
    const nowMs = Date.now();
    const access = { url: 'http://127.0.0.1', token: 't' };
    const one = { model: shard.model, access, fromMs: nowMs - 1, untilMs: nowMs + HOUR_MS, ...over };
    const families = [
      { family: 'ocr~1', base: 'ocr' },
      { family: 'chat~2', base: 'chat' },
    ];
    return JSON.stringify({ issuedAtMs, families, models: [one] } satisfies ModelOrder);
  };
  return { made, gate, told, order, objects, model: shard.model };
}

test('fetches what its order names within its hours, once, and says how long that took', async () => {
  const { made, told, order, model } = await fetcher();
  made.receive(order());
  await expect.poll(() => told).toHaveLength(1);
  const { name, version, sha256 } = model;
  expect(told[0]).toMatchObject({ name, version, sha256 });
  expect(told[0]?.bytes).toBeGreaterThan(0);
  expect(told[0]?.seconds).toBeGreaterThan(0);
  made.receive(order());
  expect(made.familiesOf(['ocr'])).toEqual(['ocr~1']);
  made.close();
  expect(told).toHaveLength(1);
});

test('begins when its hour begins, at its plug', async () => {
  const { made, gate, told, order } = await fetcher();
  gate.close('unplugged');
  // That there is no power to compute does not matter.
  gate.close('slot_over');
  made.receive(order({ fromMs: Date.now() + 300 }));
  expect(told).toEqual([]);
  gate.clear('unplugged');
  await expect.poll(() => told).toHaveLength(1);
  made.close();
});

test('leaves what is over or withdrawn, and takes nothing that it cannot read', async () => {
  const { made, gate, told, order } = await fetcher();
  gate.close('unplugged');
  made.receive(order({ untilMs: Date.now() - 1 }));
  made.receive('{"models": 3}');
  made.receive(order());
  made.receive('');
  gate.clear('unplugged');
  expect(made.familiesOf(['ocr'])).toEqual([]);
  made.close();
  expect(told).toEqual([]);
});

test('says nothing of a model whose bytes are not what was ordered', async () => {
  const { made, told, order, model } = await fetcher();
  made.receive(order({ model: { ...model, sha256: '0'.repeat(64) } }));
  await new Promise((resolve) => setImmediate(resolve));
  made.close();
  expect(told).toEqual([]);
});
