import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import pLimit from 'p-limit';

import { answerLine, type Answer } from '../../domain/answerLine.ts';
import { drawn } from '../../domain/trust/draws.ts';
import { holdText, type HeldText } from '../../domain/trust/sameText.ts';
import { toleranceOf, type MeasuredNoise, type Tolerance } from '../../domain/trust/tolerance.ts';
import { measureNoise } from '../admission/measureNoise.ts';
import { readLanguageModelFiles } from '../generation/modelFiles.ts';
import { CAR_SETTINGS, type LoadedModel } from '../runner/protocol.ts';
import { Runner, type RunnerOptions } from '../runner/runner.ts';
import { withCheaper } from './cheaperVariant.ts';

/** How a car may answer. Liars know what is checked: their texts are spelled by the tokens that they state. */
export const ANSWER_KINDS = {
  honest: 'as cars do, all lines in one batch',
  'honest, other hardware': 'two threads, other kernels, lines one by one',
  'cheaper variant': 'weights rounded to fewer bits',
  'early stop': 'honest, ended after half of the tokens',
  copied: 'the answer to another line',
  invented: 'tokens of other answers, drawn at random',
} as const;
export type AnswerKind = keyof typeof ANSWER_KINDS;

export interface MeasuredAnswers {
  readonly noise: MeasuredNoise;
  readonly tolerance: Tolerance;
  /** How each line holds that was answered in this way, by the way. */
  readonly held: Readonly<Record<string, readonly HeldText[]>>;
}

export interface MeasuringOptions {
  readonly lines: number;
  readonly tokens: number;
  /** The network of a cheaper variant; made of the model's own where it is left out. */
  readonly cheaperPath?: string | undefined;
  readonly onProgress: (doing: string) => void;
}

const SUBJECTS = [
  'the sea',
  'a cold morning',
  'old bridges',
  'bread',
  'trains',
  'a lost key',
  'winter',
  'bees',
  'maps',
];
const ASKED = [
  'Tell a short story about',
  'Explain to a child',
  'List facts about',
  'Write a letter about',
  'Describe',
];

/**
 * Has a language model answer lines honestly and in each way that is known to be false, and has a trusted runner read all
 * of them, as it reads what cars store.
 * @throws RunnerCrash
 */
export async function measureLiars(model: LoadedModel, options: MeasuringOptions): Promise<MeasuredAnswers> {
  const { lines, onProgress } = options;
  const tasks = Array.from({ length: lines }, (_, index) => taskOf(index, options.tokens));
  onProgress('how far honest answers are apart');
  const noise = await measureNoise(model, LIMITS, undefined);
  const tolerance = toleranceOf([noise]);
  onProgress('honest answers');
  const honest = await answers(model, CAR_SETTINGS, tasks, lines);
  onProgress('honest answers on other settings, one by one');
  const elsewhere = await answers(model, { threads: 2, optimisation: 'basic' }, tasks, 1);
  onProgress('answers of a cheaper variant');
  const cheaper = await withCheaper(model, options.cheaperPath, (other) => answers(other, CAR_SETTINGS, tasks, lines));

  const end = await endTokenOf(model);
  const all = honest.flatMap((answer) => [...tokensOf(answer)]);
  const key = createHash('sha256').update('liars').digest();
  const stated: Record<AnswerKind, (index: number) => readonly number[]> = {
    honest: (index) => tokensOf(honest[index]),
    'honest, other hardware': (index) => tokensOf(elsewhere[index]),
    'cheaper variant': (index) => tokensOf(cheaper[index]),
    'early stop': (index) => {
      const own = tokensOf(honest[index]);
      return [...own.slice(0, own.length >> 1), end];
    },
    copied: (index) => tokensOf(honest[(index + 1) % lines]),
    invented: (index) =>
      tokensOf(honest[index]).map((_, place) => all[Math.floor(drawn(key, index, place) * all.length)] ?? 0),
  };
  const runner = new Runner(LIMITS);
  try {
    const held: Record<AnswerKind, HeldText[]> = {
      honest: [],
      'honest, other hardware': [],
      'cheaper variant': [],
      'early stop': [],
      copied: [],
      invented: [],
    };
    for (const [kind, tokens] of kindsIn(stated)) {
      onProgress(`reading: ${kind}`);
      const reread = await Promise.all(
        tasks.map((task, index) => runner.generate(model, { ...task, claimed: [tokens(index)] })),
      );
      held[kind] = reread.map((answer, index) => {
        const line = answerLine('measured', 0, index, `${index}`, answer);
        return holdText(line, line, answer.replay, tolerance);
      });
    }
    return { noise, tolerance, held };
  } finally {
    await runner.stop();
  }
}

/** Of a computer at home: nobody waits. */
export const LIMITS: Partial<RunnerOptions> = { loadLimitMs: 600_000, callLimitMs: 600_000 };

function taskOf(index: number, tokens: number): { id: string; body: unknown; createdAtSeconds: number } {
  const prompt = `${ASKED[index % ASKED.length]} ${SUBJECTS[index % SUBJECTS.length]}, number ${index}.`;
  const temperature = [0, 0.7, 1][index % 3];
  return {
    id: `measured-${index}`,
    body: { model: 'measured', prompt, max_tokens: tokens, temperature, ...(index % 4 === 0 && { top_p: 0.9 }) },
    createdAtSeconds: 0,
  };
}

async function answers(
  model: LoadedModel,
  settings: RunnerOptions['settings'],
  tasks: readonly ReturnType<typeof taskOf>[],
  atOnce: number,
): Promise<Answer[]> {
  const runner = new Runner({ ...LIMITS, settings });
  const limit = pLimit(atOnce);
  try {
    return await Promise.all(tasks.map((task) => limit(() => runner.generate(model, task))));
  } finally {
    await runner.stop();
  }
}

async function endTokenOf(model: LoadedModel): Promise<number> {
  const files = await readLanguageModelFiles(async (path) => {
    const place = model.filePaths?.[path];
    return place === undefined ? undefined : readFile(place, 'utf8');
  });
  return [...files.endTokens][0] ?? 0;
}

function tokensOf(answer: Answer | undefined): readonly number[] {
  return answer?.tokens?.[0] ?? [];
}

function kindsIn<Value>(table: Readonly<Record<AnswerKind, Value>>): [AnswerKind, Value][] {
  // Object.entries gives strings, of a table whose keys are these.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.entries(table) as [AnswerKind, Value][];
}
