import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { PartOutbox, type ComputedPart } from '../../../car/shard/partOutbox.ts';
import { openSliceStore } from '../../../car/shard/sliceStore.ts';
import { NightshiftError } from '../../../domain/errors.ts';
import { SHARD_FAILURES } from '../../../domain/shards.ts';
import { useSourceServer } from '../../support/sourceServer.ts';
import { cleanUp, storeWithShard, testCar } from './support/testCar.ts';

const source = useSourceServer();
afterEach(cleanUp);

type Put = ComputedPart['objects']['put'];

function partTo(put: Put, start = 0): ComputedPart {
  const range = { start, end: start + 1 };
  return { jobId: 'batch_1', shard: 0, range, body: '{}\n', energyWh: 1, deviceMs: 1, objects: { put } };
}

const outbox = (): PartOutbox => new PartOutbox('car-a', pino({ level: 'silent' }));

describe('a part', () => {
  test.each([
    [400, 'invalid_request'],
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [413, 'payload_too_large'],
  ])('is not sent again when the answer is %i, also when a proxy gave it', async (status, code) => {
    source.answer = () => ({ status, body: '<html>proxy</html>' });
    const slice = openSliceStore({ url: source.origin, token: 't' });
    await expect(outbox().deliver(partTo(slice.put))).rejects.toMatchObject({ code });
  });

  test.each([429, 502, 503])('is sent again when the answer is %i', async (status) => {
    const asked: number[] = [];
    source.answer = () => {
      asked.push(1);
      return asked.length === 1 ? { status } : { body: '{"stored":true}' };
    };
    const slice = openSliceStore({ url: source.origin, token: 't' });
    await outbox().deliver(partTo(slice.put));
    // The part twice, and its receipt.
    expect(asked).toHaveLength(3);
  });

  test('is stored, then the register that its receipt claims from, then the receipt', async () => {
    const steps: string[] = [];
    const box = new PartOutbox('car-a', pino({ level: 'silent' }), async () => void steps.push('register'));
    await box.deliver(partTo(async (key) => void steps.push(key.includes('receipt') ? 'receipt' : 'part')));
    expect(steps).toEqual(['part', 'register', 'receipt']);
  });

  test('that is refused does not keep the next one from being stored', async () => {
    const stored: string[] = [];
    const box = outbox();
    const refused = box.deliver(
      partTo(async () => {
        throw new NightshiftError('payload_too_large', 'no');
      }),
    );
    const next = box.deliver(partTo(async (key) => void stored.push(key), 1));
    await expect(refused).rejects.toMatchObject({ code: 'payload_too_large' });
    await next;
    expect(stored).toHaveLength(2);
  });

  test('that is given up for newer ones says so to its attempt', async () => {
    const box = outbox();
    const waiting = Array.from({ length: 300 }, (_, start) =>
      box
        .deliver(
          partTo(async () => {
            throw new NightshiftError('unavailable', 'away');
          }, start),
        )
        .then(
          () => 'stored',
          (error: unknown) => (error instanceof NightshiftError ? error.code : 'other'),
        ),
    );
    expect(await Promise.race(waiting)).toBe('unavailable');
    box.close();
  });
});

describe('an attempt', () => {
  test.each(['payload_too_large', 'unauthorized'] as const)(
    'whose parts are refused with %s ends with that, instead of holding its shard for ever',
    async (code) => {
      const { objects, shard } = await storeWithShard();
      const refusing = {
        get: objects.get.bind(objects),
        getStream: objects.getStream.bind(objects),
        list: objects.list.bind(objects),
        put: async () => {
          throw new NightshiftError(code, 'The token has expired.');
        },
      };
      const car = await testCar('car-a', objects, { openSlice: () => refusing });
      await expect(car.attempt(shard).result).rejects.toMatchObject({
        type: SHARD_FAILURES.storeRefused,
        nonRetryable: true,
        message: 'The store refuses: The token has expired.',
      });
    },
  );
});
