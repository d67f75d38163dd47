import { inSpan } from '../../domain/tracing.ts';
import type { Context } from '@temporalio/activity';
import type { BatchRequestLine } from '../../domain/batchLines.ts';
import { gridTimeMs } from '../../domain/clock.ts';
import { objectKeys, type LineRange } from '../../domain/names.ts';
import type { RunShardInput, RunShardResult, ShardHeartbeat } from '../../domain/shards.ts';
import { answerIds, answerLine } from '../../domain/answerLine.ts';
import type { Answer } from '../../domain/answerLine.ts';
import { countLines, linesOf, microBatches, partRanges, runsOf, type MicroBatch } from './lineRanges.ts';
import { MicroBatchSizer } from './microBatchSizer.ts';
import { untilOnline } from '../../inference/offline.ts';
import { PartCutter, type CutPart } from './partCutter.ts';
import type { PartOutbox } from './partOutbox.ts';
import type { InferencePorts, PartStore, ShardLimits } from './ports.ts';
import type { LoadedModel } from '../../inference/runner/protocol.ts';
import { trainTask } from '../../inference/training/trainTask.ts';
import { parseShardInput } from './shardInput.ts';
import { LinesInGeneration } from './generateLines.ts';
import { PoisonedLines } from './poisonedLines.ts';
import { ShardProgress } from './shardProgress.ts';
import { ShardStop, stopFailure } from './shardStop.ts';
import { readUnfinished, writeUnfinished } from './unfinishedAnswers.ts';
import { answerOwnTask } from './ownTraining.ts';
import { KeptSteps, readUnfinishedTraining } from './unfinishedTraining.ts';
import type { LocalState } from '../../training/localSteps.ts';
import { unstoredRanges } from './unstoredRanges.ts';

interface SentBatch extends MicroBatch {
  readonly computing: Promise<readonly Answer[]>;
}

/** One attempt of runShard: computing in front, storing behind it, heartbeats beside both. */
export class ShardAttempt {
  readonly #input: RunShardInput;
  readonly #ports: InferencePorts;
  readonly #objects: PartStore;
  readonly #limits: ShardLimits;
  readonly #outbox: PartOutbox;
  readonly #context: Context;
  readonly #stop: ShardStop;
  readonly #sizer: MicroBatchSizer;
  readonly #progress: ShardProgress;
  readonly #poisoned: PoisonedLines;
  #computing = false;
  readonly #deliveries: Promise<void>[] = [];
  /** What the store refused a part with: what is computed from then on would be refused too. */
  #refusal: { readonly error: unknown } | undefined;

  constructor(input: RunShardInput, ports: InferencePorts, limits: ShardLimits, outbox: PartOutbox, context: Context) {
    this.#input = input;
    this.#ports = ports;
    this.#objects = ports.openSlice(input.access);
    this.#limits = limits;
    this.#outbox = outbox;
    this.#context = context;
    this.#sizer = new MicroBatchSizer(limits.microBatchMs);
    // What an attempt drew that was cut off is nobody's.
    ports.meter.take();
    const { vehicleId, meter, runner } = ports;
    const tell = (progress: ShardHeartbeat): void => context.heartbeat(progress);
    this.#progress = new ShardProgress({ vehicleId, meter, tell }, context.info.heartbeatDetails);
    this.#stop = new ShardStop({
      gate: ports.gate,
      device: {
        pause: () => {
          ports.runner.pause();
          ports.meter.switchOff();
        },
        resume: () => {
          ports.runner.resume();
          if (this.#computing) ports.meter.switchOn();
        },
        abandon: () => void ports.runner.stop(),
      },
      cancellation: context.cancellationSignal,
      clock: ports.clock,
      emergencyPatienceMs: limits.emergencyPatienceMs,
    });
    const { jobId, shard } = input;
    this.#poisoned = new PoisonedLines({
      runner,
      signal: this.#stop.signal,
      tell: (err) => ports.log.warn({ err, jobId, shard }, 'a request kills the runner'),
    });
  }

  /** @throws as runShard does, and RunnerCrash, ModelMismatch, UnreadableSlice, `object_not_found` */
  async run(): Promise<RunShardResult> {
    const heartbeats = setInterval(() => this.#progress.tell(), this.#limits.heartbeatMs);
    try {
      await this.#answerMissingLines();
    } catch (error) {
      await this.#flush();
      // Whatever failed when the attempt had to end failed because of that. A shard that is done is done all the same.
      if (this.#progress.now.storedLines < this.#input.lines) throw this.#failure(error);
    } finally {
      clearInterval(heartbeats);
      this.#stop.close();
    }
    return await this.#finish();
  }

  async #answerMissingLines(): Promise<void> {
    this.#checkGoesOn();
    const { inputKey, lines, linesPerPart } = this.#input;
    const missing = await this.#online(() => unstoredRanges(this.#objects, this.#input));
    this.#progress.takeOver(lines - countLines(missing));
    if (missing.length === 0) return;
    const requests = parseShardInput(await this.#online(() => this.#objects.get(inputKey)), lines);
    const model = await this.#online(() => this.#ports.models.open(this.#input.model, this.#objects));
    await this.#ports.runner.load(model);
    const parts = partRanges(missing, linesPerPart);
    if (model.pipeline.kind === 'text-generation') await this.#generate(model, requests, parts);
    else if (model.pipeline.kind === 'training') await this.#train(model, requests, parts);
    else await this.#compute(model, requests, parts);
    await untilAborted(Promise.all(this.#deliveries), this.#stop.signal);
  }

  /**
   * Computes the parts and hands each to the outbox; when the attempt has to end, as much of the last one as is there.
   * The next micro-batch is with the runner before the last one has ended: a process that slept between them would
   * be slow to wake on a busy machine.
   */
  async #compute(
    model: LoadedModel,
    requests: readonly BatchRequestLine[],
    parts: readonly LineRange[],
  ): Promise<void> {
    const batches = microBatches(parts, () => this.#sizer.lines);
    const sendNext = (): SentBatch | undefined => this.#send(model, requests, batches.next().value);
    const unfinished = new PartCutter();
    this.#setComputing(true);
    try {
      let sent = sendNext();
      let endedAtMs = performance.now();
      while (sent !== undefined) {
        const { part, range, computing } = sent;
        this.#checkGoesOn();
        sent = sendNext();
        const computed = await computing.catch((error: unknown) =>
          this.#poisoned.isolate(error, model, requests.slice(range.start, range.end)),
        );
        this.#poisoned.count(computed);
        await this.#ports.pacer.wait(computed.length, this.#stop.signal);
        this.#sizer.measured(computed.length, performance.now() - endedAtMs);
        endedAtMs = performance.now();
        for (const [offset, line] of this.#answerLines(requests, range, computed).entries()) {
          this.#deliver(unfinished.add(range.start + offset, line));
        }
        if (range.end === part.end) this.#deliver(unfinished.cut());
      }
    } finally {
      this.#deliver(unfinished.cut());
      this.#setComputing(false);
    }
  }

  /**
   * Generates the lines' answers together and goes on where another car broke off. A part is delivered when its last
   * answer is there; when the attempt has to end, what is there, and the tokens of what is not.
   */
  async #generate(
    model: LoadedModel,
    requests: readonly BatchRequestLine[],
    parts: readonly LineRange[],
  ): Promise<void> {
    const { jobId, shard, slice = shard, submittedAtMs = 0 } = this.#input;
    const before = await this.#online(() => readUnfinished(this.#objects, this.#input));
    const answers = new Map<number, string>();
    const deliverRun = (run: LineRange): void => {
      const cutter = new PartCutter();
      for (const line of linesOf(run)) {
        this.#deliver(cutter.add(line, answers.get(line) ?? ''));
        answers.delete(line);
      }
      this.#deliver(cutter.cut());
    };
    const lines = new LinesInGeneration({
      runner: this.#ports.runner,
      model,
      signal: this.#stop.signal,
      taskOf: (line) => ({
        id: answerIds(jobId, slice, line).requestId,
        body: requests[line]?.body,
        createdAtSeconds: Math.floor(submittedAtMs / 1_000),
        partial: before.get(line) ?? [],
      }),
      onTokens: (tokens) => this.#progress.count({ unstoredTokens: this.#progress.unstoredTokens + tokens }),
      onAnswer: async (line, answer) => {
        this.#checkGoesOn();
        await this.#ports.pacer.wait(1, this.#stop.signal);
        const [text = ''] = this.#answerLines(requests, { start: line, end: line + 1 }, [answer]);
        answers.set(line, text);
        const part = parts.find(({ start, end }) => start <= line && line < end);
        if (part && linesOf(part).every((each) => answers.has(each))) deliverRun(part);
      },
      poisoned: (error) => this.#poisoned.answer(error),
    });
    const store = async (): Promise<void> => {
      const { unfinished } = lines;
      const counted = this.#progress.unstoredTokens;
      // With none begun, all tokens counted are in answers, which count as lines: as tokens they would count twice.
      if (unfinished.size > 0) await writeUnfinished(this.#objects, this.#input, this.#ports.vehicleId, unfinished);
      this.#progress.count({ unstoredTokens: Math.max(0, this.#progress.unstoredTokens - counted) });
    };
    // A store out of reach is tried again the next time.
    const storing = setInterval(() => void store().catch(() => {}), this.#limits.unfinishedMs);
    this.#setComputing(true);
    try {
      await lines.answer(parts.flatMap(linesOf));
    } finally {
      clearInterval(storing);
      for (const part of parts)
        for (const run of runsOf(linesOf(part).filter((line) => answers.has(line)))) deliverRun(run);
      this.#deliveries.push(store().catch(() => {}));
      this.#setComputing(false);
    }
  }

  /** What a task on the car's own data comes to: nothing of it is stored but the answer. */
  async #trainOnOwnData(model: LoadedModel, body: Readonly<Record<string, unknown>>): Promise<Answer> {
    const { jobId } = this.#input;
    const { runner, vehicleId, ownData } = this.#ports;
    const { pipeline } = model;
    if (pipeline.kind !== 'training') throw new Error('the model is not trained');
    return answerOwnTask({
      runner,
      model: { ...model, pipeline },
      jobId,
      vehicleId,
      data: ownData,
      body,
      readWeights: () => this.#online(() => this.#objects.get(objectKeys.jobWeights(jobId))),
      onState: () => this.#checkGoesOn(),
      signal: this.#stop.signal,
    });
  }

  /** Takes each client's local steps, from where another car broke off; when the attempt has to end, they are kept. */
  async #train(model: LoadedModel, requests: readonly BatchRequestLine[], parts: readonly LineRange[]): Promise<void> {
    this.#setComputing(true);
    try {
      for (const line of parts.flatMap(linesOf)) {
        const body = requests[line]?.body ?? {};
        const isOwn = 'own_data' in body;
        const answer = await (isOwn ? this.#trainOnOwnData(model, body) : this.#trainOnTask(model, body, line));
        await this.#ports.pacer.wait(1, this.#stop.signal);
        const range = { start: line, end: line + 1 };
        const [text = ''] = this.#answerLines(requests, range, [answer]);
        this.#deliver({ range, body: `${text}\n` });
      }
    } finally {
      this.#setComputing(false);
    }
  }

  async #trainOnTask(model: LoadedModel, body: Readonly<Record<string, unknown>>, line: number): Promise<Answer> {
    const weightBytes = await this.#online(() => this.#objects.get(objectKeys.jobWeights(this.#input.jobId)));
    const count = weightBytes.byteLength / Float32Array.BYTES_PER_ELEMENT;
    const state = await this.#online(() => readUnfinishedTraining(this.#objects, this.#input, line, count));
    const kept = new KeptSteps(this.#objects, this.#input, this.#ports.vehicleId, line, this.#limits.unfinishedMs);
    const onState = (reached: LocalState): void => {
      kept.reached(reached);
      this.#checkGoesOn();
    };
    try {
      const { runner } = this.#ports;
      return await trainTask({ runner, model, body, weightBytes, state, onState, signal: this.#stop.signal });
    } catch (error) {
      this.#deliveries.push(kept.store().catch(() => {}));
      throw error;
    }
  }

  #send(
    model: LoadedModel,
    requests: readonly BatchRequestLine[],
    batch: MicroBatch | undefined,
  ): SentBatch | undefined {
    if (batch === undefined) return undefined;
    const bodies = requests.slice(batch.range.start, batch.range.end).map((request) => request.body);
    const computing = this.#ports.runner.run(model, bodies);
    // Nobody waits for a batch that was sent ahead when the attempt has to end.
    computing.catch(() => {});
    return { ...batch, computing };
  }

  #answerLines(requests: readonly BatchRequestLine[], range: LineRange, computed: readonly Answer[]): string[] {
    const { jobId, shard, slice = shard } = this.#input;
    this.#progress.computed(computed.length);
    return computed.map((answer, offset) => {
      const line = range.start + offset;
      return answerLine(jobId, slice, line, requests[line]?.custom_id ?? '', answer);
    });
  }

  /** Stored in the background: the device goes on computing. */
  #deliver(cut: CutPart | undefined): void {
    if (cut === undefined) return;
    const { range, body } = cut;
    const lines = range.end - range.start;
    const part = {
      jobId: this.#input.jobId,
      shard: this.#input.shard,
      range,
      body,
      ...this.#ports.meter.take(),
      objects: this.#objects,
    };
    const { shard } = part;
    const delivery = inSpan('store part', { shard, start: range.start, end: range.end }, () =>
      this.#outbox.deliver(part),
    );
    this.#deliveries.push(delivery.then(() => this.#progress.stored(lines)));
    // Noticed at the next micro-batch, and awaited at the end.
    delivery.catch((error: unknown) => {
      this.#refusal ??= { error };
    });
    this.#deliveries.at(-1)?.catch(() => {});
  }

  #setComputing(computing: boolean): void {
    this.#computing = computing;
    if (computing && !this.#stop.paused) this.#ports.meter.switchOn();
    else this.#ports.meter.switchOff();
  }

  /** Waits for the parts on their way, for as long as a leaving car can. */
  async #flush(): Promise<void> {
    const limit = AbortSignal.any([AbortSignal.timeout(this.#limits.flushLimitMs), this.#outbox.closed]);
    await untilAborted(Promise.all(this.#deliveries), limit).catch(() => {});
    this.#progress.tell();
  }

  #failure(error: unknown): unknown {
    const cause = this.#stop.cause;
    if (cause === undefined) return error;
    if (cause.kind !== 'cancelled') return stopFailure(cause, this.#progress.now);
    return this.#context.cancellationSignal.reason;
  }

  async #finish(): Promise<RunShardResult> {
    this.#progress.tell();
    const { unstoredLines: _, unstoredTokens: __, ...result } = this.#progress.now;
    await this.#ports.results.write(this.#input, result);
    return result;
  }

  #checkGoesOn(): void {
    if (this.#refusal !== undefined) throw this.#refusal.error;
    if (gridTimeMs(this.#ports.clock, Date.now()) >= this.#input.deadlineMs) this.#stop.request({ kind: 'deadline' });
    this.#stop.signal.throwIfAborted();
  }

  async #online<T>(operation: () => Promise<T>): Promise<T> {
    return await untilOnline(operation, this.#stop.signal, this.#ports.log);
  }
}

/** @throws the signal's reason when it aborts first */
async function untilAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(() => resolve(), reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
