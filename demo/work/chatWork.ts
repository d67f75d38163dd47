import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../inference/atomicFile.ts';
import { workUnitsOf } from '../../domain/workUnits.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { GRID_SECONDS_PER_LINE } from '../../simulator/pacing.ts';
import { selectGlosses, type Gloss } from '../glosses/selection.ts';
import type { NightChat, NightFile } from '../night/nightFile.ts';
import type { ChatModel } from './chatModel.ts';
import type { NightWork } from './nightWork.ts';

const SYSTEM_PROMPT = 'You are given the definition of an English word. Answer with that word and nothing else.';
/** Of an answer, in lines of text that are read: what the cars are held to be, until they have been measured. */
const LINES_PER_ANSWER = 2;

const chatAnswerSchema = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }) })),
});

/**
 * Definitions from WordNet whose words the model is asked for.
 * @param folder where the batch is written
 * @param msPerUnit what this machine takes for a unit of the work, in real time
 */
export async function chatWork(
  night: NightFile,
  model: ChatModel,
  folder: string,
  msPerUnit: number,
): Promise<NightWork> {
  const { glosses, requests, units } = await chatRequests(night, model);
  const batchFile = join(folder, 'chat.jsonl');
  await writeFileAtomically(batchFile, requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  return {
    model: model.name,
    endpoint: '/v1/chat/completions',
    batchFile,
    // A car is no faster than the machine that simulates it.
    secondsPerUnit: (hardwareClass) =>
      Math.max(
        (GRID_SECONDS_PER_LINE[hardwareClass] * LINES_PER_ANSWER * requests.length) / units,
        (msPerUnit * night.scale) / 1_000,
      ),
    judge: (answers) => ({ wordsFound: wordsFound(glosses, answers) }),
  };
}

/** @returns units of work of the night's chats, in the mean */
export async function unitsPerChat(night: NightFile, model: ChatModel): Promise<number> {
  const { requests, units } = await chatRequests(night, model);
  return units / requests.length;
}

async function chatRequests(night: NightFile, model: ChatModel) {
  const { requests: count } = chatsOf(night);
  const glosses = await selectGlosses({ count, seed: night.seed });
  const requests = glosses.map((gloss) => requestOf(gloss, model.name, chatsOf(night)));
  const units = requests.reduce((sum, { body }) => sum + workUnitsOf('text-generation', body), 0);
  return { glosses, requests, units };
}

/** @throws NightshiftError `invalid_config` when the night has none */
export function chatsOf({ scenario, chat }: NightFile): NightChat {
  if (chat) return chat;
  throw new NightshiftError('invalid_config', `The night ${scenario} says nothing of chats: add "chat".`, {
    field: 'chat',
  });
}

function requestOf({ customId, text }: Gloss, model: string, { maxTokens }: NightChat) {
  return {
    custom_id: customId,
    method: 'POST',
    url: '/v1/chat/completions',
    body: {
      model,
      messages: [
        { role: 'system', content: SYSTEM_PROMPT },
        { role: 'user', content: text },
      ],
      max_completion_tokens: maxTokens,
      temperature: 0,
    },
  };
}

/** An answer counts when one of its words is one that the definition stands for, whatever else it says. */
export function wordsFound(glosses: readonly Gloss[], answers: ReadonlyMap<string, unknown>): number {
  const asked = glosses.filter(({ customId }) => answers.has(customId));
  const found = asked.filter(({ customId, words }) => {
    const { choices } = chatAnswerSchema.parse(answers.get(customId));
    const said = ` ${(choices[0]?.message.content ?? '').toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, ' ')} `;
    return words.some((word) => said.includes(` ${word} `));
  });
  return found.length / asked.length;
}
