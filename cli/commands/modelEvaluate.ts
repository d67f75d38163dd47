import { Command } from 'commander';
import pLimit from 'p-limit';

import { NightshiftError } from '../../domain/errors.ts';
import { issueText } from '../../domain/issueText.ts';
import { parseJson } from '../../domain/json.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { readTextFile } from '../files/readTextFile.ts';
import {
  comparePrompt,
  evaluationText,
  promptsOf,
  referenceSchema,
  requestFor,
  summarise,
  tokensOfStream,
} from '../modelEvaluation.ts';
import { numberFrom } from '../numberOption.ts';

interface EvaluateOptions extends ApiOptions {
  readonly json?: true;
  readonly against: string;
  readonly runtime?: string;
  readonly minAgreement?: number;
}

/** Of one key the API takes sixteen live requests at once. */
const AT_ONCE = 8;

export const evaluateCommand: CommandFactory = (terminal, done) =>
  withApiOptions(new Command('evaluate'))
    .description('hold what a chat model says greedily against what a known-good runtime said')
    .argument('<name>', 'name of the model')
    .requiredOption('--against <file>', 'prompts with the token ids and logprobs that are expected, JSON')
    .option('--runtime <name>', 'whose answers, where the file has those of several')
    .option('--min-agreement <share>', 'exit code 1 when a smaller share of tokens agrees, 0 to 1', numberFrom(0))
    .option('--json', 'print JSON')
    .action(async (name: string, options: EvaluateOptions) => {
      const parsed = referenceSchema.safeParse(parseJson(await readTextFile(options.against)));
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const message = `${options.against}: ${issue?.path.join('.') || 'the file'}: ${issueText(issue)}.`;
        throw new NightshiftError('invalid_request', message, { field: '--against' });
      }
      const prompts = promptsOf(parsed.data, options.runtime);
      const api = await openApi(options);
      const atOnce = pLimit(AT_ONCE);
      const comparisons = await Promise.all(
        prompts.map((prompt) =>
          atOnce(async () => {
            const events = api.streamed('/v1/chat/completions', requestFor(name, prompt));
            return comparePrompt(prompt, await tokensOfStream(events));
          }),
        ),
      );
      const summary = summarise(comparisons);
      const told = options.json ? JSON.stringify({ ...summary, comparisons }, null, 2) : evaluationText(comparisons);
      terminal.out(`${told}\n`);
      const isEnough = summary.agreeingTokens / summary.tokens >= (options.minAgreement ?? 0);
      done(isEnough ? EXIT_CODES.ok : EXIT_CODES.failed);
    });
