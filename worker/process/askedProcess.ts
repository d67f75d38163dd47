import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import type { ChildEntry } from '../../inference/childEntry.ts';

export interface AskedProcess {
  /**
   * Sends a question and gives what the process answers. One question at a time, since two answers of one process could
   * not be told apart: others wait, and a question's time begins with its turn.
   * @throws Error that names what happened to the process
   */
  ask(question: object): Promise<unknown>;
  /** Ends the process, and with it the question that it works on. */
  close(): Promise<void>;
}

/**
 * A process for work that would hold up the event loop of this one, or take it along when memory runs out. It is
 * started by the first question. One that dies or works past `limitMs` fails that question; the next has a new process.
 * @param what how messages name the process, e.g. `the solver`
 */
export function startAskedProcess(what: string, entry: ChildEntry, limitMs: number): AskedProcess {
  let child: ChildProcess | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let closed = false;

  const answerTo = async (question: object): Promise<unknown> => {
    if (closed) throw new Error(`${what} was closed`);
    const asked = (child ??= fork(entry.modulePath, [], { execArgv: [...entry.execArgv], serialization: 'advanced' }));
    const limit = AbortSignal.timeout(limitMs);
    const settled = new AbortController();
    const signal = AbortSignal.any([limit, settled.signal]);
    try {
      asked.send(question);
      return await Promise.race([
        once(asked, 'message', { signal }).then(([answer]: unknown[]) => answer),
        once(asked, 'exit', { signal }).then(() => {
          throw new Error(`${what} ended (${asked.signalCode ?? `exit code ${asked.exitCode}`})`);
        }),
      ]);
    } catch (error) {
      asked.kill('SIGKILL');
      child = undefined;
      if (limit.aborted) throw new Error(`${what} ran past its ${limitMs} ms`, { cause: error });
      throw error;
    } finally {
      settled.abort();
    }
  };

  return {
    ask: (question) => {
      const answer = turn.then(() => answerTo(question));
      turn = answer.catch(() => undefined);
      return answer;
    },
    close: async () => {
      closed = true;
      child?.kill('SIGKILL');
      await turn;
    },
  };
}
