import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Refusal } from '../../../api/gateway/refusal.ts';
import { createRefusalLog } from '../../../api/gateway/refusalLog.ts';
import { keyedCar } from './support/testGateway.ts';

test('tells of each kind once in ten minutes, with how often it was repeated, and journals it where the car is known', () => {
  let nowRealMs = 0;
  const journalled: string[] = [];
  const logged: string[] = [];
  const log = pino({}, { write: (line: string) => void logged.push(line) });
  const tell = createRefusalLog({ log, now: () => nowRealMs, journal: (_, { message }) => journalled.push(message) });
  const car = keyedCar('car-a');
  for (let call = 0; call < 3; call++) tell(new Refusal('rpc', '/a is not for cars.'), car, '127.0.0.1:1');
  tell(new Refusal('queue', 'Task queue "control".'), car, '127.0.0.1:1');
  for (let port = 1; port < 4; port++)
    tell(new Refusal('key', 'The key is not a car’s.'), undefined, `10.0.0.1:${port}`);
  expect(logged).toHaveLength(3);
  nowRealMs = 600_000;
  tell(new Refusal('rpc', '/a is not for cars.'), car, '127.0.0.1:1');
  expect(journalled).toEqual([
    'The gateway refused car-a: /a is not for cars.',
    'The gateway refused car-a: Task queue "control".',
    'The gateway refused car-a: /a is not for cars. It was refused 2 times more since it was last told.',
  ]);
});
