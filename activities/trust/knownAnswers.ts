import { createHash } from 'node:crypto';

import { z } from 'zod';

import type { Answer } from '../../domain/answerLine.ts';
import { objectKeys } from '../../domain/names.ts';
import type { ModelRef } from '../../domain/shards.ts';
import type { Queryable } from '../../store/database.ts';
import { addKnownAnswers, readKnownAnswers } from '../../store/knownAnswers.ts';
import { unlessNotFound, type ObjectStore } from '../../store/objectStore.ts';
import type { TrustedRunner, TrustedTask, TrustedWork } from './trustPorts.ts';

/** Where a trusted computer's answers are kept, by the hash of what was asked. */
export interface KnownAnswers {
  read(model: ModelRef, hashes: readonly string[]): Promise<ReadonlyMap<string, Answer>>;
  add(model: ModelRef, answers: ReadonlyMap<string, Answer>): Promise<void>;
}

/** Of the operator's own canaries, for good. */
export function answersInDatabase(database: Queryable): KnownAnswers {
  return {
    read: async ({ sha256 }, hashes) => new Map(await readKnownAnswers(database, sha256, hashes)),
    add: ({ sha256 }, answers) => addKnownAnswers(database, sha256, answers),
  };
}

/** Of a submitter's requests, as long as the job's own objects. */
export function answersOfJob(objects: Pick<ObjectStore, 'get' | 'put'>, jobId: string): KnownAnswers {
  return {
    read: async (_, hashes) => {
      const known = new Map<string, Answer>();
      for (const hash of new Set(hashes)) {
        const bytes = await unlessNotFound(objects.get(objectKeys.knownAnswer(jobId, hash)));
        if (bytes) known.set(hash, answerSchema.parse(JSON.parse(bytes.toString('utf8'))));
      }
      return known;
    },
    add: async (_, answers) => {
      for (const [hash, answer] of answers)
        await objects.put(objectKeys.knownAnswer(jobId, hash), Buffer.from(JSON.stringify(answer)));
    },
  };
}

/**
 * Keeps what a trusted computer answers, and asks it only what it has not answered yet. Not for generated text, which is
 * drawn anew for each request: there, tokens are read.
 * @param isKept which requests' answers are kept; left out: all
 */
export function rememberingRunner(
  trusted: TrustedRunner,
  kept: KnownAnswers,
  isKept: (task: TrustedTask) => boolean = () => true,
): TrustedRunner {
  return {
    reread: (model, tasks) => trusted.reread(model, tasks),
    answers: async (model, tasks) => {
      // Answers name the version; two may share a network.
      const { name, version } = model;
      const asked = tasks.map((task) => ({
        task,
        hash: isKept(task) ? hashOf([name, version, task.body]) : undefined,
      }));
      const known = await kept.read(
        model,
        asked.flatMap(({ hash }) => hash ?? []),
      );
      const missing = asked.filter(({ hash }) => hash === undefined || !known.has(hash));
      const tasksMissing = missing.map(({ task }) => task);
      const computed = missing.length === 0 ? NOTHING : await trusted.answers(model, tasksMissing);
      const fresh = new Map(missing.map((each, index) => [each, computed.answers[index]] as const));
      await kept.add(
        model,
        new Map([...fresh].flatMap(([{ hash }, answer]) => (hash && answer ? [[hash, answer] as const] : []))),
      );
      const answers = asked.flatMap((each) => fresh.get(each) ?? known.get(each.hash ?? '') ?? []);
      return { answers, deviceMs: computed.deviceMs };
    },
  };
}

const NOTHING: TrustedWork = { answers: [], deviceMs: 0 };
const answerSchema = z.object({ statusCode: z.number().int(), body: z.unknown() });

function hashOf(asked: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex');
}
