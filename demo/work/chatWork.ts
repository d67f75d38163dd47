import { freemem } from 'node:os';
import { join } from 'node:path';
import { createColors } from 'picocolors';
import { z } from 'zod';
import { addFolder } from '../../cli/modelFolder.ts';
import { writeFileAtomically } from '../../inference/atomicFile.ts';
import { SIMULATED_CLASSES } from '../../domain/hardwareClasses.ts';
import { workUnitsOf } from '../../domain/workUnits.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { GRID_SECONDS_PER_LINE } from '../../simulator/pacing.ts';
import { seedClassSpeed } from '../../store/classSpeeds.ts';
import { selectGlosses, type Gloss } from '../glosses/selection.ts';
import type { NightChat, NightFile } from '../night/nightFile.ts';
import type { ChatModel } from './chatModel.ts';
import type { AddModelPorts, NightWork } from './nightWork.ts';

const SYSTEM_PROMPT = 'You are given the definition of an English word. Answer with that word and nothing else.';
/** Of an answer, in lines of text that are read: what the cars are held to be, until they have been measured. */
const LINES_PER_ANSWER = 2;

const addedSchema = z.object({
  x_model: z.object({ version: z.string() }).nullable(),
  x_probe: z.object({ peak_memory_mb: z.number().nullable() }),
});
const chatAnswerSchema = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }) })),
});

/** Definitions from WordNet whose words the model is asked for. @param folder where the batch is written */
export async function chatWork(night: NightFile, model: ChatModel, folder: string): Promise<NightWork> {
  const { chat } = night;
  if (!chat) {
    throw new NightshiftError('invalid_config', `The night ${night.scenario} says nothing of chats: add "chat".`, {
      field: 'chat',
    });
  }
  const glosses = await selectGlosses({ count: chat.requests, seed: night.seed });
  const requests = glosses.map((gloss) => requestOf(gloss, model.name, chat));
  const batchFile = join(folder, 'chat.jsonl');
  await writeFileAtomically(batchFile, requests.map((request) => `${JSON.stringify(request)}\n`).join(''));
  const units = requests.reduce((sum, { body }) => sum + workUnitsOf('text-generation', body), 0);
  return {
    model: model.name,
    endpoint: '/v1/chat/completions',
    batchFile,
    addModel: (ports) =>
      addChatModel(model, ports, { cars: night.cars.length, unitsPerRequest: units / requests.length }),
    judge: (answers) => ({ wordsFound: wordsFound(glosses, answers) }),
  };
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

/** As its submitter would: through the API, which checks and measures it. */
async function addChatModel(
  { folder, variant, name }: ChatModel,
  { api, database, onStatus, onWarning }: AddModelPorts,
  { cars, unitsPerRequest }: { readonly cars: number; readonly unitsPerRequest: number },
): Promise<void> {
  const terminal = {
    out: () => undefined,
    err: (text: string) => onStatus(`${name}: ${text.trim() || 'is checked and measured'}`),
    liveColumns: Number.POSITIVE_INFINITY,
    colors: createColors(false),
  };
  const answer = await addFolder(api, folder, { name, ...(variant !== undefined && { variant }) }, terminal);
  const { x_model: added, x_probe: probe } = addedSchema.parse(answer);
  const neededMb = (probe.peak_memory_mb ?? 0) * cars;
  const freeMb = freemem() / 1024 ** 2;
  if (neededMb > freeMb) {
    onWarning(
      `${name} takes up to ${probe.peak_memory_mb} MiB in each of ${cars} cars, ${neededMb} MiB if all compute; this ` +
        `machine has ${freeMb.toFixed(0)} MiB free. Where it gets slow, take a smaller model or variant.`,
    );
  }
  // What was measured is this machine; a simulated car is as slow as its class.
  for (const hardwareClass of SIMULATED_CLASSES) {
    await seedClassSpeed(database, {
      modelName: name,
      modelVersion: added?.version ?? '',
      hardwareClass,
      statedMsPerUnit: (GRID_SECONDS_PER_LINE[hardwareClass] * LINES_PER_ANSWER * 1_000) / unitsPerRequest,
    });
  }
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
