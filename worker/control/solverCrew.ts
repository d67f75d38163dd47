import { once } from 'node:events';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';

import { childEntry } from '../../inference/childEntry.ts';
import { BlockWork } from '../../scheduler/solve/blockWork.ts';
import type { LaidOutBlock } from '../../scheduler/solve/blocks.ts';
import {
  alone,
  answerOf,
  type Answered,
  type Asked,
  type Command,
  type Gather,
  type Question,
} from '../../scheduler/solve/crew.ts';

/** Fewer cars are solved soon, and on a busy machine each question to a thread waits for its turn. */
const MIN_CARS = 5_000;
/** The machine has others to serve, and blocks are as many as feeders. */
const MAX_THREADS = 7;

/** What a thread is sent: blocks that it works on from now on, or a question to all of them. */
export type ThreadOrder =
  | { readonly blocks: readonly LaidOutBlock[] }
  | { readonly name: Question; readonly asked: readonly Asked<Question>[] }
  | { readonly name: Command; readonly told: Asked<Command> };
export type ThreadReply = { readonly answers: readonly unknown[] } | { readonly error: string };

export interface ThreadStart {
  readonly port: MessagePort;
  /** How many replies each thread has sent, by its number. */
  readonly replies: Int32Array;
  readonly thread: number;
}

interface Thread {
  readonly port: MessagePort;
  readonly worker: Worker;
  readonly started: Promise<unknown>;
  taken: number;
}

/** Threads that share the blocks of a plan with this one; the solver waits for them, as it would for itself. */
export interface SolverThreads {
  /** Plans alone until all threads have started: one that waits for them would keep them from it. */
  readonly gather: Gather;
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts threads for the solver. Each works on blocks of its own, and columns of cars are sent to it once; questions and
 * answers are small. Plans are the same with any number of threads.
 * @param options `count`: threads beside this one; by default one for each further core. `minCars`: fewer are planned alone
 */
export function startSolverThreads(
  options: { readonly count?: number; readonly minCars?: number } = {},
): SolverThreads {
  const { count = Math.min(MAX_THREADS, availableParallelism() - 1), minCars = MIN_CARS } = options;
  const replies = new Int32Array(new SharedArrayBuffer(4 * Math.max(1, count)));
  const threads = Array.from({ length: count }, (_, thread) => startThread(replies, thread));
  let isReady = false;
  const ready = Promise.all(threads.map(({ started }) => started)).then(() => void (isReady = true));
  const gather: Gather = (blocks) => {
    const cars = blocks.reduce((sum, { block }) => sum + block.cars, 0);
    if (!isReady || threads.length === 0 || blocks.length < 2 || cars < minCars) return alone(blocks);
    const shares = sharesOf(blocks, threads.length + 1);
    const own = (shares.at(-1) ?? []).map((block) => ({ block, work: workOf(blocks, block) }));
    for (const [index, thread] of threads.entries()) {
      send(thread, { blocks: (shares[index] ?? []).flatMap((block) => blocks[block] ?? []) });
    }
    for (const [index, thread] of threads.entries()) takeReply(thread, replies, index);
    return {
      ask: <Name extends Question>(name: Name, askedOf: (block: number) => Asked<Name>): Answered<Name>[] => {
        for (const [index, thread] of threads.entries()) {
          send(thread, { name, asked: (shares[index] ?? []).map((block) => askedOf(block)) });
        }
        const answers: Answered<Name>[] = [];
        for (const { block, work } of own) answers[block] = answerOf(work, name, askedOf(block));
        for (const [index, thread] of threads.entries()) {
          const told = takeReply(thread, replies, index);
          for (const [rank, block] of (shares[index] ?? []).entries()) {
            // A thread answers what `answerOf` gives.
            // oxlint-disable-next-line typescript/no-unsafe-type-assertion
            answers[block] = told[rank] as Answered<Name>;
          }
        }
        return answers;
      },
      tell: (name, told) => {
        for (const thread of threads) send(thread, { name, told });
        for (const { work } of own) answerOf(work, name, told);
      },
    };
  };
  return {
    gather,
    ready,
    close: async () => void (await Promise.all(threads.map(({ worker }) => worker.terminate()))),
  };
}

/** The compiled module, or the source behind a loader that the thread registers for itself. */
function threadModule(): URL {
  const { modulePath, execArgv } = childEntry(import.meta.url, './solverThread');
  const module = pathToFileURL(modulePath);
  if (execArgv.length === 0) return module;
  const required = createRequire(import.meta.url).resolve('tsx/esm/api');
  // The module beside the one for require.
  const loader = new URL('./index.mjs', pathToFileURL(required)).href;
  const code = `import { register } from '${loader}'; register(); await import('${module.href}');`;
  return new URL(`data:text/javascript,${encodeURIComponent(code)}`);
}

function startThread(replies: Int32Array, thread: number): Thread {
  const { port1, port2 } = new MessageChannel();
  const start: ThreadStart = { port: port2, replies, thread };
  const worker = new Worker(threadModule(), {
    // A loader of this process is none of a thread's.
    execArgv: [],
    workerData: start,
    transferList: [port2],
  });
  const started = once(worker, 'message').then(() => worker.unref());
  port1.unref();
  return { port: port1, worker, started, taken: 0 };
}

function send({ port }: Thread, order: ThreadOrder): void {
  // A port of Node's has no origins.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  port.postMessage(order);
}

/** Blocks by thread, so that each has about as many cells: the largest first, each to who has least. */
function sharesOf(blocks: readonly LaidOutBlock[], count: number): number[][] {
  const shares = Array.from({ length: count }, () => ({ cells: 0, blocks: [] as number[] }));
  const cellsOf = (index: number): number => blocks[index]?.block.cellCost.length ?? 0;
  for (const index of [...blocks.keys()].sort((a, b) => cellsOf(b) - cellsOf(a) || a - b)) {
    const least = shares.reduce((best, share) => (share.cells < best.cells ? share : best));
    least.cells += cellsOf(index);
    least.blocks.push(index);
  }
  return shares.map((share) => share.blocks);
}

function workOf(blocks: readonly LaidOutBlock[], index: number): BlockWork {
  const block = blocks[index];
  if (!block) throw new RangeError(`There is no block ${index}.`);
  return new BlockWork(block);
}

/**
 * Waits for the thread's next reply: the solver is a process of its own, which has nothing else to do. A thread that dies
 * leaves it waiting until the plan's time is over, which fails that plan as the solver's own death does.
 */
function takeReply(thread: Thread, replies: Int32Array, index: number): readonly unknown[] {
  // The call for a reply that was found without waiting may come now: only the count says that there is one.
  while (Atomics.load(replies, index) === thread.taken) Atomics.wait(replies, index, thread.taken);
  thread.taken++;
  const reply: { readonly message: ThreadReply } | undefined = receiveMessageOnPort(thread.port);
  if (!reply) throw new Error('A thread of the solver has sent nothing.');
  if ('error' in reply.message) throw new Error(`A thread of the solver failed: ${reply.message.error}`);
  return reply.message.answers;
}
