import { parentPort, workerData } from 'node:worker_threads';

import { messageOf } from '../../domain/thrown.ts';
import { BlockWork } from '../../scheduler/solve/blockWork.ts';
import { answerOf } from '../../scheduler/solve/crew.ts';
import type { ThreadOrder, ThreadReply, ThreadStart } from './solverCrew.ts';

// What startThread gives it.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const { port, replies, thread } = workerData as ThreadStart;
let works: readonly BlockWork[] = [];

port.on('message', (order: ThreadOrder) => {
  if ('told' in order) {
    for (const work of works) answerOf(work, order.name, order.told);
    return;
  }
  port.postMessage(reply(order));
  // After the message: who waits for the count finds it there.
  Atomics.add(replies, thread, 1);
  Atomics.notify(replies, thread);
});
// Threads of Node have no origins.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort?.postMessage('started');

function reply(order: Exclude<ThreadOrder, { readonly told: unknown }>): ThreadReply {
  try {
    if ('blocks' in order) {
      works = order.blocks.map((block) => new BlockWork(block));
      return { answers: [] };
    }
    return { answers: works.map((work, index) => answerOf(work, order.name, order.asked[index])) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}
