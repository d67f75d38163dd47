import { setTimeout as sleep } from 'node:timers/promises';
import { MINUTE_MS } from '../domain/durations.ts';
import { parseAnswerLine } from '../domain/batchLines.ts';
import { isFinalBatchStatus } from '../domain/batches.ts';
import { gridTimeMs } from '../domain/clock.ts';
import type { NightFile } from './night/nightFile.ts';
import type { Progress } from './console/progressText.ts';
import type { NightFacts, TokenFacts } from './report/facts.ts';
import { nightReport, type NightReport } from './report/nightReport.ts';
import { readBatch, type Batch } from '../store/batches.ts';
import type { Cell } from '../store/cells.ts';
import type { Database } from '../store/database.ts';
import { readJournal, type StoredJournalLine } from '../store/journal.ts';
import { listOpenParkingSessions } from '../store/parkingSessions.ts';
import { appliedCell } from '../worker/process/appliedCell.ts';
import { untilAnswered } from '../worker/process/untilAnswered.ts';
import type { ApiClient } from '../api/client/apiClient.ts';
import { BatchClient } from '../api/client/batchClient.ts';
import { keepSignals } from './keepSignals.ts';
import { readNightFacts } from './nightFacts.ts';
import { nightProgress } from './nightProgress.ts';
import { startNightOwners } from './nightOwners.ts';
import { startNightUtility, type RunningUtility } from './nightUtility.ts';
import { saveNight, type NightState } from './nightState.ts';
import { signalFolder } from './prepareNight.ts';
import { submitNight } from './submitNight.ts';
import type { AnswerQuality, NightWork } from './work/nightWork.ts';

const FOLLOW_EVERY_REAL_MS = 300;
const LINES_AT_ONCE = 200;
/** Grid time after the night's end for the last stays to be settled. */
const SETTLING_MS = 30 * MINUTE_MS;

export interface NightPorts {
  readonly stateDir: string;
  readonly night: NightFile;
  readonly work: NightWork;
  readonly database: Database;
  readonly api: ApiClient;
  /** Where the API listens, without a path. */
  readonly apiUrl: string;
  /** Told of every journal line, in order. */
  readonly onLine: (line: StoredJournalLine) => void;
  /** Told a few times a second how far the night is. */
  readonly onProgress: (progress: Progress) => void;
  readonly onSignalError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

export interface FinishedNight {
  readonly report: NightReport;
  readonly facts: NightFacts;
  readonly batch: Batch;
  /** What the night's utility asked for and got, when it has one. */
  readonly utility: Awaited<ReturnType<RunningUtility['proof']>> | undefined;
  readonly cell: Cell;
  /** Ends what goes on after the night: its utility's server and its signals. */
  close(): Promise<void>;
}

/** Submits the night's batch as any submitter would, follows it until the morning, and adds up what happened. */
export async function runNight(ports: NightPorts, state: NightState): Promise<FinishedNight> {
  const { night, database, signal } = ports;
  const cell = await appliedCell(database, night.scenario, state.incarnation);
  const endSignals = keepSignals(night, cell.clock, signalFolder(ports.stateDir), ports.onSignalError);
  let utility: RunningUtility | undefined;
  const close = async (): Promise<void> => {
    endSignals();
    await utility?.close();
  };
  try {
    const batchId = state.batchId ?? (await submitNight(ports, state)).batchId;
    utility = night.utility && (await startNightUtility(night.utility, cell, ports.api, ports.apiUrl));
    const endOwners = startNightOwners(night, cell, ports.api, database);
    const batch = await follow(ports, cell, batchId).finally(endOwners);
    signal.throwIfAborted();
    const proof = await utility?.proof();
    const window = { startMs: night.start, endMs: night.end };
    const answers = { ...(await qualityOf(ports, batch)), tokens: await tokensOf(ports, batchId) };
    const facts = await readNightFacts(database, cell, batch, window, answers);
    await saveNight(ports.stateDir, { ...state, batchId, finished: true });
    return { report: nightReport(facts), facts, batch, utility: proof, cell, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function qualityOf({ api, work }: NightPorts, batch: Batch): Promise<AnswerQuality> {
  const answers = batch.outputFileId ? await textOf(api, batch.outputFileId) : '';
  if (answers === '') return {};
  const parsed = answers.trimEnd().split('\n').map(parseAnswerLine);
  return work.judge(new Map(parsed.map(({ custom_id: customId, response }) => [customId, response?.body])));
}

async function tokensOf({ api }: NightPorts, batchId: string): Promise<TokenFacts | undefined> {
  const { usage, x_grid: grid } = await new BatchClient(api).read(batchId);
  const per1000 = grid.per_1000_tokens;
  if (!usage || !per1000) return undefined;
  return {
    read: usage.input_tokens,
    written: usage.output_tokens,
    energyWhPer1000: per1000.energy_wh,
    gramsCo2Per1000: per1000.gco2,
  };
}

async function textOf(api: ApiClient, fileId: string): Promise<string> {
  // Cut off in the middle by an API that is restarted, it is read from its beginning.
  return untilAnswered('The API', async () => (await new BatchClient(api).content(fileId)).text());
}

/** Follows journal and batch until every request is accounted for and the night is over. */
async function follow(ports: NightPorts, cell: Cell, batchId: string): Promise<Batch> {
  const { database, night, onLine, onProgress, signal } = ports;
  let seq = 0;
  for (;;) {
    signal.throwIfAborted();
    const lines = await patiently(() => readJournal(database, cell.id, seq, LINES_AT_ONCE), []);
    for (const line of lines) onLine(line);
    seq = lines.at(-1)?.seq ?? seq;
    const batch = await patiently(() => readBatch(database, batchId), undefined);
    if (batch) {
      const window = { startMs: night.start, endMs: night.end };
      const progress = await patiently(() => nightProgress(database, cell, batch, window), undefined);
      if (progress) onProgress(progress);
      const atMs = gridTimeMs(cell.clock, Date.now());
      const isFinal = isFinalBatchStatus(batch.status);
      const open = await patiently(() => listOpenParkingSessions(database, cell.id), undefined);
      const isSettled = (atMs >= night.end && open?.length === 0) || atMs >= night.end + SETTLING_MS;
      if (isFinal && isSettled && lines.length === 0) return batch;
    }
    await sleep(FOLLOW_EVERY_REAL_MS, undefined, { signal });
  }
}

/** PostgreSQL may be restarted under us; the next look tells the rest. */
async function patiently<Result>(look: () => Promise<Result>, meanwhile: Result): Promise<Result> {
  return look().catch(() => meanwhile);
}
