import { writeFile } from 'node:fs/promises';
import { MINUTE_MS } from '../domain/durations.ts';
import { NightshiftError } from '../domain/errors.ts';
import { journalText } from './console/journalText.ts';
import { Places, placeOf } from './console/places.ts';
import { dayText, progressText, type DayProgress } from './console/progressText.ts';
import { Terminal } from './console/terminal.ts';
import { enrolledCars, loadNight } from './night/night.ts';
import type { NightFile } from './night/nightFile.ts';
import { exitCode } from './report/nightReport.ts';
import { reportText } from './report/reportText.ts';
import { openDatabase } from '../store/database.ts';
import type { StoredJournalLine } from '../store/journal.ts';
import { apiKeyOf } from '../worker/process/apiKey.ts';
import { eventText } from '../cli/gridText.ts';
import { loadConfig, type Config } from '../config/config.ts';
import { PatientApiClient } from './patientApi.ts';
import { currentNight } from './nightState.ts';
import { bearablePace, nightAtPace, nightOfChats, type ReadyChat } from './nightPace.ts';
import { prepareNight } from './prepareNight.ts';
import { readChatModel, type ChatModel } from './work/chatModel.ts';
import { publishChatModel } from './work/publishChatModel.ts';
import { followDays } from './followDays.ts';
import { runNight, type FinishedNight } from './runNight.ts';
import type { ProcessStatus } from '../worker/local/supervisor/managedProcess.ts';
import { listenForStopSignals } from '../worker/local/supervisor/stopSignals.ts';
import { readStartOptions } from './arguments.ts';
import { fleetProcess } from './fleet/fleetProcess.ts';
import { childEnvironment, localProcesses, startPlatform } from '../worker/local/platform.ts';

const { env } = process;
const options = readStartOptions(process.argv.slice(2));
const terminal = new Terminal(process.stdout, Boolean(env.NO_COLOR));
const { bold, dim, red } = terminal.colors;
const signals = listenForStopSignals();

try {
  process.exitCode = await main();
} catch (error) {
  terminal.status('');
  if (!signals.stop.aborted) {
    terminal.print(red(error instanceof NightshiftError ? error.message : String(error)));
    process.exitCode = 1;
  }
} finally {
  signals.close();
}

async function main(): Promise<number> {
  const withoutCell = loadConfig({ env, cwd: process.cwd() });
  const { stateDir, nightFile } = withoutCell;
  const asWritten = await loadNight(nightFile);
  const chat = options.model === undefined ? undefined : await readyChat(withoutCell, asWritten, options.model);
  const full = chat ? nightOfChats(asWritten) : asWritten;
  const state = await currentNight(
    stateDir,
    full.end - full.start,
    Date.now(),
    () => bearablePace(full, chat),
    chat && `${chat.model.folder} ${chat.model.variant ?? ''}`,
  );
  const night = nightAtPace(full, state);
  const prepared = await prepareNight(stateDir, night, state.incarnation, chat, (rendered) =>
    terminal.status(dim(`Rendering the night's requests: ${rendered} of ${night.batch.requests}`)),
  );
  const config = loadConfig({ env: { ...env, NIGHTSHIFT_CELL_FILE: prepared.cellFile }, cwd: process.cwd() });
  const { DATABASE_URL: databaseUrl = '' } = childEnvironment(config);

  const platform = await startPlatform(config, {
    processes: [...localProcesses(config), fleetProcess(config)],
    onStatus: tellStatus,
    onOrphan: ({ name, pid }) =>
      terminal.print(dim(`Stopped ${name} (process ${pid}), left over from a killed start.`)),
    stop: signals.stop,
    force: signals.force,
  });
  const database = openDatabase({ url: databaseUrl, maxConnections: 2 });
  let finished: FinishedNight | undefined;
  try {
    terminal.print(welcome(config, night, chat?.model));
    const busy = busyText(night, full);
    if (busy !== undefined) terminal.print(dim(busy));
    const apiUrl = config.api.url;
    const places = new Places(timeZonesOf(night));
    const first = placeOf(night.regions[0]?.timeZone ?? 'UTC');
    const onLine = (line: StoredJournalLine): void => terminal.print(journalText(line, places, terminal.colors));
    finished = await runNight(
      {
        stateDir,
        night,
        work: prepared.work,
        database,
        api: new PatientApiClient(apiUrl, apiKeyOf(config)),
        apiUrl,
        onLine,
        onProgress: (progress) => terminal.status(progressText(progress, first, terminal.columns, terminal.colors)),
        onSignalError: (error) => terminal.print(red(`The night’s signals cannot be written: ${String(error)}`)),
        signal: signals.stop,
      },
      state,
    );
    terminal.status('');
    await tellFigures(finished);
    if (!options.exit) {
      terminal.print(dim(daysText(night)));
      const onProgress = (progress: DayProgress): void =>
        terminal.status(dayText(progress, first, terminal.columns, terminal.colors));
      await followDays({ database, onLine, onProgress, signal: signals.stop }, finished.cell);
      await platform.stopped;
      return 0;
    }
    return exitCode(finished.report);
  } finally {
    await finished?.close();
    await database.close();
    await platform.stop();
  }
}

async function readyChat(config: Config, night: NightFile, folder: string): Promise<ReadyChat> {
  const model = await readChatModel(folder, options.variant);
  const msPerUnit = await publishChatModel(config, model, {
    cars: night.cars.length,
    onStatus: (text) => terminal.status(dim(text)),
    onWarning: (text) => terminal.print(red(text)),
    stop: signals.stop,
    force: signals.force,
  });
  return { model, msPerUnit };
}

function tellStatus({ name, state, restarts, detail }: ProcessStatus): void {
  if (state === 'restarting') terminal.print(red(`${name} died (${detail ?? 'no reason'}) and is started again.`));
  else if (state === 'ready' && restarts > 0) terminal.print(dim(`${name} is back.`));
  else if (detail !== undefined && state !== 'stopped') terminal.print(dim(`${name}: ${detail}`));
}

function welcome(config: Config, night: NightFile, chatModel: ChatModel | undefined): string {
  const { api, temporal, stateDir } = config;
  return [
    '',
    bold(`One night on ${night.cars.length} cars`) + dim(` (simulated, ${night.scale} times as fast as real time)`),
    `  Temporal UI   ${temporal.embedded ? `http://127.0.0.1:${temporal.uiPort}` : temporal.connection.options.address}`,
    `  Page          ${api.url}/#key=${encodeURIComponent(apiKeyOf(config))}`,
    `  API           ${api.url}/v1, key ${apiKeyOf(config)}`,
    `  State, logs   ${stateDir}`,
    `  Cars          ${night.cars.filter(({ arrives }) => arrives === undefined).length} are at their plugs, the others come in the evening; most leave towards morning`,
    `  Work          ${workText(night, chatModel)}`,
    '',
  ].join('\n');
}

function workText({ batch, chat }: NightFile, model: ChatModel | undefined): string {
  return model
    ? `${chat?.requests} chats with ${model.name}, at most ${chat?.maxTokens} tokens each`
    : `${batch.requests} pictures of text are read`;
}

/** What a busy machine changes. */
function busyText(night: NightFile, full: NightFile): string | undefined {
  const changes = [
    // A few seconds more are no news.
    ...(realMinutes(night) === realMinutes(full)
      ? []
      : [`takes ${realMinutes(night)} minutes instead of ${realMinutes(full)}`]),
    ...(night.chat?.requests === full.chat?.requests
      ? []
      : [`has ${night.chat?.requests} chats instead of ${full.chat?.requests}`]),
  ];
  if (changes.length === 0) return undefined;
  return `This machine is busy or slow: the night ${changes.join(' and ')}, so that no request is lost.\n`;
}

function realMinutes({ start, end, scale }: NightFile): string {
  return ((end - start) / MINUTE_MS / scale).toFixed(0);
}

function daysText({ daysAfter, scale }: NightFile): string {
  if (daysAfter === 0) return 'The night is over and no car comes back. The stack stays up; Ctrl-C ends it.';
  const minutes = (24 * 60) / scale;
  return (
    `The days go on: cars are away over the day and come back towards evening, and a day passes in ${minutes.toFixed(0)} minutes. ` +
    'What you submit is computed as soon as cars are there and power is cheap. Ctrl-C ends it.'
  );
}

async function tellFigures({ report, facts, batch, utility }: FinishedNight): Promise<void> {
  terminal.print(`\n${reportText(report, facts, terminal.colors)}\n`);
  if (utility) {
    terminal.print(`${bold('The utility’s event')}\n${eventText(utility.event, terminal.colors)}`);
    terminal.print(`The utility holds ${utility.reports.length} reports of it.\n`);
  }
  if (batch.outputFileId) terminal.print(`Answers: GET /v1/files/${batch.outputFileId}/content`);
  if (batch.errorFileId) terminal.print(`Errors:  GET /v1/files/${batch.errorFileId}/content`);
  if (options.report === undefined) return;
  await writeFile(options.report, `${JSON.stringify(report, undefined, 2)}\n`);
  terminal.print(`Figures: ${options.report}`);
}

function timeZonesOf(night: NightFile): Map<string, string> {
  const regions = night.regions.map(({ id, timeZone }) => [id, timeZone] as const);
  return new Map([...regions, ...enrolledCars(night).map(({ id, policy }) => [id, policy.timeZone] as const)]);
}
