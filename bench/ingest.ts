/**
 * Upload, validation and splitting of a batch file of 50,000 lines and 200 MB, against a plain streaming parse of the
 * same file: time, and peak memory of the process that serves and splits. Goals: at most 3 times the time, 300 MB.
 *
 *     npm run bench:ingest -- [--lines 50000] [--megabytes 199] [--rounds 3]
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';

import { z } from 'zod';

import { childEntry } from '../inference/childEntry.ts';
import { openDatabase } from '../store/database.ts';
import { seedClassSpeed } from '../store/classSpeeds.ts';
import { addModel } from '../store/models.ts';
import type { IngestReply, IngestRequest } from './ingestProcess.ts';
import { median } from './median.ts';
import { BENCH_KEY } from './support/benchApi.ts';
import { temporaryDatabase } from './support/temporaryDatabase.ts';
import { enrolFleet } from '../test/support/fleetFixture.ts';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '50000' },
    megabytes: { type: 'string', default: '199' },
    rounds: { type: 'string', default: '3' },
  },
});
const lines = Number(values.lines);
const bytesPerLine = Math.floor((Number(values.megabytes) * 1024 * 1024) / lines);
const ENDPOINT = '/v1/embeddings';

const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-ingest-'));
const database = await temporaryDatabase();
const file = join(folder, 'input.jsonl');
await pipeline(Readable.from(requestLines()), createWriteStream(file));
const admin = openDatabase({ url: database.url, maxConnections: 1 });
await addModel(admin, {
  name: 'm',
  version: '1',
  family: 'general',
  sha256: '0'.repeat(64),
  manifest: {},
  tenantId: null,
});
// As admission states it: every published model has a speed.
await seedClassSpeed(admin, { modelName: 'm', modelVersion: '1', hardwareClass: 'ai4', statedMsPerUnit: 1 });
await enrolFleet(admin, ['car']);
await admin.close();

const parser = forked();
const server = forked();
const { url } = await ask(server, { type: 'serve', databaseUrl: database.url, folder: join(folder, 'objects') });
const base = `${url}/v1`;
const ratios: number[] = [];
let peakMb = 0;
for (let round = 1; round <= Number(values.rounds); round++) {
  const parse = await ask(parser, { type: 'parse', file });
  const uploadStartMs = performance.now();
  const batchId = await submit();
  const uploadMs = performance.now() - uploadStartMs;
  const split = await ask(server, { type: 'split', batchId });
  if (split.lines !== lines) throw new Error(`split ${split.lines} of ${lines} lines`);
  const ingestMs = uploadMs + (split.realMs ?? 0);
  ratios.push(ingestMs / (parse.realMs ?? 1));
  peakMb = Math.max(peakMb, split.peakMb);
  console.log(
    `round ${round}: parse ${seconds(parse.realMs)} (${parse.peakMb} MB), upload ${seconds(uploadMs)}, ` +
      `check and split ${seconds(split.realMs)}: ${ratios.at(-1)?.toFixed(2)} times, peak ${split.peakMb} MB`,
  );
}
const { size } = await stat(file);
console.log(
  `median ${median(ratios).toFixed(2)} times a plain parse of ${lines} lines, ${(size / 1024 / 1024).toFixed(0)} MB ` +
    `(goal 3); peak ${peakMb} MB (goal 300)`,
);
parser.kill();
server.kill();
await database.stop();
await rm(folder, { recursive: true, force: true });

function* requestLines(): Generator<string> {
  for (let line = 0; line < lines; line++) {
    const empty = JSON.stringify(requestOf(line, ''));
    yield `${JSON.stringify(requestOf(line, 'x'.repeat(Math.max(0, bytesPerLine - empty.length - 1))))}\n`;
  }
}

function requestOf(line: number, input: string): object {
  return { custom_id: `request-${line}`, method: 'POST', url: ENDPOINT, body: { model: 'm', input } };
}

async function submit(): Promise<string> {
  const idSchema = z.object({ id: z.string() });
  const headers = { authorization: `Bearer ${BENCH_KEY}` };
  const { id } = idSchema.parse(JSON.parse(await upload(`${base}/files`, headers)));
  const batch = await fetch(`${base}/batches`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ input_file_id: id, endpoint: ENDPOINT, completion_window: '24h' }),
  });
  return idSchema.parse(await batch.json()).id;
}

/** Not by fetch: on a machine of few cores its forms take from what is measured. @returns the answer */
async function upload(to: string, headers: Record<string, string>): Promise<string> {
  const boundary = 'a-boundary-of-this-bench';
  const part = (disposition: string) => `--${boundary}\r\ncontent-disposition: form-data; ${disposition}\r\n\r\n`;
  const head = `${part('name="purpose"')}batch\r\n${part('name="file"; filename="input.jsonl"')}`;
  const tail = `\r\n--${boundary}--\r\n`;
  const sent = request(to, {
    method: 'POST',
    headers: {
      ...headers,
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': head.length + (await stat(file)).size + tail.length,
    },
  });
  const answered = once(sent, 'response');
  sent.write(head);
  await pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), sent, { end: false });
  sent.end(tail);
  const [answer]: IncomingMessage[] = await answered;
  if (!answer) throw new Error('no answer');
  return text(answer);
}

function forked(): ChildProcess {
  const entry = childEntry(import.meta.url, 'ingestProcess');
  return fork(entry.modulePath, [], { execArgv: [...entry.execArgv] });
}

async function ask(child: ChildProcess, request: IngestRequest): Promise<IngestReply> {
  child.send(request);
  const [reply]: IngestReply[] = await once(child, 'message');
  if (!reply) throw new Error('no reply');
  return reply;
}

function seconds(realMs: number | undefined): string {
  return `${((realMs ?? 0) / 1000).toFixed(2)} s`;
}
