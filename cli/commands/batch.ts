import { Command } from 'commander';

import type { BatchClient, BatchRequest } from '../../api/client/batchClient.ts';
import type { BatchWire } from '../../api/wire/batch.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import { EXIT_CODES, type ExitCode } from '../exitCodes.ts';
import { wholeNumber } from '../numberOption.ts';
import type { CommandFactory } from '../command.ts';

interface CommonOptions extends ApiOptions {
  readonly json?: true;
  readonly timeZone: string;
}

interface SubmitOptions extends CommonOptions {
  readonly endpoint?: string;
  readonly window: string;
  readonly deadline?: string;
  readonly maxPrice?: string;
  readonly maxGco2?: string;
  readonly priority?: string;
  readonly quorum?: string;
  readonly region?: string;
  readonly watch?: true;
}

interface ResultsCommandOptions extends CommonOptions {
  readonly out?: string;
  readonly join?: string;
}

const LISTED = 20;

const common = (name: string): Command =>
  withApiOptions(new Command(name))
    .option('--time-zone <zone>', 'IANA zone of the clock', 'UTC')
    .option('--json', 'print JSON');

export const batchCommand: CommandFactory = (terminal, done) => {
  const print = async (value: BatchWire, { json, timeZone }: CommonOptions): Promise<void> => {
    const { batchText } = await import('../batchText.ts');
    const clock = await clockOf(timeZone);
    terminal.out(`${json ? JSON.stringify(value, null, 2) : batchText(value, clock, terminal.colors)}\n`);
  };
  const watch = async (batchId: string, options: CommonOptions): Promise<ExitCode> => {
    const { watchBatch } = await import('../watchBatch.ts');
    const clock = await clockOf(options.timeZone);
    const batch = await watchBatch(await openBatches(options), batchId, terminal, clock, options.json === true);
    return batch.status === 'completed' ? EXIT_CODES.ok : EXIT_CODES.failed;
  };
  const submission = (name: string): Command =>
    common(name)
      .argument('<file>', 'requests, one JSON object a line, as OpenAI’s Batch API has them')
      .option(
        '--endpoint <path>',
        'such as /v1/embeddings or /v2/models/<model>/infer; that of the file’s lines unless given',
      )
      .option('--window <window>', 'time to complete, e.g. 24h or 7d', '24h')
      .option('--deadline <time>', 'earlier deadline in grid time, RFC 3339')
      .option('--max-price <eur>', 'run only where a kWh costs at most so many EUR')
      .option('--max-gco2 <grams>', 'run only where a kWh comes with at most so many g of CO2')
      .option('--priority <n>', '1 (first) to 5 (last)')
      .option('--quorum <n>', 'so many cars, up to 5, answer each line and are to agree; paid so many times')
      .option('--region <ids>', 'region ids, separated by commas');
  const act = (action: 'pause' | 'resume' | 'cancel', description: string): Command =>
    common(action)
      .description(description)
      .argument('<batch>', 'batch id')
      .action(async (id: string, options: CommonOptions) => {
        await print(await (await openBatches(options)).act(id, action), options);
        done(EXIT_CODES.ok);
      });

  return new Command('batch')
    .description('submit batches and follow them')
    .addCommand(
      submission('submit')
        .description('upload a file and submit it as a batch')
        .option('--watch', 'follow it to its end')
        .action(async (file: string, options: SubmitOptions) => {
          const batches = await openBatches(options);
          const endpoint = await endpointOf(file, options);
          const batch = await batches.submit(requestOf(await batches.upload(file), endpoint, options));
          if (options.watch) return done(await watch(batch.id, options));
          await print(batch, options);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('resubmit')
        .description('submit what an ended batch left without an answer as a new batch, with the same custom_ids')
        .argument('<batch>', 'batch id')
        .option('--window <window>', 'time to complete; that of the ended batch unless given')
        .option('--watch', 'follow it to its end')
        .action(async (id: string, options: CommonOptions & Pick<SubmitOptions, 'watch'> & { window?: string }) => {
          const { window } = options;
          const batches = await openBatches(options);
          const batch = await batches.resubmit(id, window === undefined ? {} : { completion_window: window });
          if (options.watch) return done(await watch(batch.id, options));
          await print(batch, options);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      submission('quote')
        .description('say when a batch would run, what it would cost and how sure that is, without submitting it')
        .action(async (file: string, options: SubmitOptions) => {
          const batches = await openBatches(options);
          const endpoint = await endpointOf(file, options);
          const fileId = await batches.upload(file);
          const quote = await batches.quote(requestOf(fileId, endpoint, options));
          await batches.deleteFile(fileId);
          const { quoteText } = await import('../batchText.ts');
          const clock = await clockOf(options.timeZone);
          terminal.out(`${options.json ? JSON.stringify(quote, null, 2) : quoteText(quote, clock, terminal.colors)}\n`);
          done(quote.feasible ? EXIT_CODES.ok : EXIT_CODES.unmet);
        }),
    )
    .addCommand(
      common('list')
        .description('list the newest batches')
        .option('--limit <n>', 'at most so many', wholeNumber(1, 100), LISTED)
        .action(async (options: CommonOptions & { readonly limit: number }) => {
          const listed = await (await openBatches(options)).list(options.limit);
          const { batchLine } = await import('../batchText.ts');
          const clock = await clockOf(options.timeZone);
          if (options.json) terminal.out(`${JSON.stringify(listed, null, 2)}\n`);
          else for (const batch of listed) terminal.out(`${batchLine(batch, clock, terminal.colors)}\n`);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('show')
        .description('show how far a batch is, and why it runs or waits')
        .argument('<batch>', 'batch id')
        .action(async (id: string, options: CommonOptions) => {
          await print(await (await openBatches(options)).read(id), options);
          done(EXIT_CODES.ok);
        }),
    )
    .addCommand(
      common('watch')
        .description('follow a batch to its end; exit code 1 when it does not complete')
        .argument('<batch>', 'batch id')
        .action(async (id: string, options: CommonOptions) => done(await watch(id, options))),
    )
    .addCommand(act('pause', 'hold a batch back; what cars have finished is kept'))
    .addCommand(act('resume', 'let a paused batch go on'))
    .addCommand(act('cancel', 'end a batch: cars stop, and what is answered by then is delivered as its output file'))
    .addCommand(
      common('results')
        .description('write the answers and errors of a batch, also those so far of one that runs')
        .argument('<batch>', 'batch id')
        .option('--out <file>', 'write to a file instead of standard output')
        .option('--join <input>', 'put each request of the input file beside its answer')
        .action(async (id: string, options: ResultsCommandOptions) => {
          const { writeResults } = await import('../batchResults.ts');
          const batches = await openBatches(options);
          const { lines, partial } = await writeResults(batches, await batches.read(id), {
            out: options.out,
            joinFile: options.join,
            print: terminal.out,
          });
          terminal.err(`${lines} results${partial ? ' so far; the batch still runs' : ''}\n`);
          done(EXIT_CODES.ok);
        }),
    );
};

async function openBatches(options: ApiOptions): Promise<BatchClient> {
  const { BatchClient } = await import('../../api/client/batchClient.ts');
  return new BatchClient(await openApi(options));
}

async function endpointOf(file: string, { endpoint }: SubmitOptions): Promise<string> {
  return endpoint ?? (await import('../endpointOfFile.ts')).endpointOfFile(file);
}

function requestOf(fileId: string, endpoint: string, options: SubmitOptions): BatchRequest {
  const hints = {
    'grid.deadline': options.deadline,
    'grid.max_price': options.maxPrice,
    'grid.max_gco2': options.maxGco2,
    'grid.priority': options.priority,
    'grid.quorum': options.quorum,
    'grid.region': options.region,
  };
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(hints)) if (value !== undefined) metadata[key] = value;
  return { input_file_id: fileId, endpoint, completion_window: options.window, metadata };
}

async function clockOf(timeZone: string): Promise<(iso: string) => string> {
  const { clockText } = await import('../clockText.ts');
  const clock = clockText(timeZone, 'ccc HH:mm');
  return (iso) => clock(Date.parse(iso));
}
