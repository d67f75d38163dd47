import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import pino from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

import { storeSubmission } from '../../support/batchFixture.ts';
import { createJobActivities } from '../../../activities/jobs/jobActivities.ts';
import { createTrustActivities } from '../../../activities/trust/trustActivities.ts';
import { createTrustedRunner } from '../../../activities/trust/trustedRunner.ts';
import type { TrustPorts } from '../../../activities/trust/trustPorts.ts';
import { answerIds, answerLine, type Answer } from '../../../domain/answerLine.ts';
import { folderDeclarationSchema } from '../../../domain/modelUploads.ts';
import { objectKeys } from '../../../domain/names.ts';
import { DEFAULT_CHECK_POLICY } from '../../../domain/trust/checkPolicy.ts';
import type { SplitBatch } from '../../../domain/workflows/inferenceJob.ts';
import { admitFolder, openFolder } from '../../../inference/admission/admitFolder.ts';
import { Runner } from '../../../inference/runner/runner.ts';
import type { LoadedModel } from '../../../inference/runner/protocol.ts';
import { readBatch } from '../../../store/batches.ts';
import { setCheckPolicy } from '../../../store/checkPolicies.ts';
import { seedClassSpeed } from '../../../store/classSpeeds.ts';
import { recordComputeAttempt } from '../../../store/computeAttempts.ts';
import { checkLedger } from '../../../store/ledgerChecks.ts';
import { listMeasuredNoise } from '../../../store/measuredNoise.ts';
import { addModel } from '../../../store/models.ts';
import { createFileStore } from '../../../store/objects/fileStore.ts';
import { sha256OfFile } from '../../../store/objects/sha256OfFile.ts';
import type { ObjectStore } from '../../../store/objectStore.ts';
import { listQuarantines } from '../../../store/quarantines.ts';
import { listShareChecks } from '../../../store/shareChecks.ts';
import { sliceSignerWith } from '../../../store/sliceAccess.ts';
import { setTrustedCar } from '../../../store/trustedCars.ts';
import { CELL, enrolFleet } from '../../support/fleetFixture.ts';
import { useTestDatabase } from '../../support/testDatabase.ts';
import { TINY_TOKENS, writeTinyLlama, type TinyLlamaOptions } from '../../support/tinyLlama.ts';

const { database } = useTestDatabase();
const ENDPOINT = '/v1/chat/completions';
const NOW_MS = 1_000_000_000;
const LINES = 12;
const cellId = CELL.id;
let folder: string;
let objects: ObjectStore;
let trusted: ReturnType<typeof createTrustedRunner>;
let model: LoadedModel;
const runner = new Runner();

const ports = (): TrustPorts => ({
  database,
  objects,
  gridNowMs: () => NOW_MS,
  carAccess: { url: 'https://cars.example', signer: sliceSignerWith('a key for tests') },
  checkKey: createHash('sha256').update('checks').digest(),
  log: pino({ level: 'silent' }),
  trusted,
});

async function tiny(weights: TinyLlamaOptions['weights']) {
  const root = join(folder, `tiny-${weights}`);
  await writeTinyLlama(root, { layout: 'huggingface', weights });
  const entries = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const files = await Promise.all(
    entries.map(async (entry) => {
      const full = join(entry.parentPath, entry.name);
      return { path: relative(root, full), sha256: await sha256OfFile(full), sizeBytes: (await stat(full)).size };
    }),
  );
  return { declaration: folderDeclarationSchema.parse({ name: 'tiny' }), root, files };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-texts-'));
  objects = createFileStore(join(folder, 'objects'));
  trusted = createTrustedRunner(objects, { folder: join(folder, 'models'), diskBytes: 1e9 });
  const upload = await tiny('fp32');
  const { manifest, probed } = await admitFolder(
    objects,
    (added) => addModel(database, { ...added, tenantId: null }),
    upload,
  );
  expect(probed.noise.logits).toBeGreaterThan(0);
  expect(probed.noise.logits).toBeLessThan(0.01);
  model = (await openFolder(upload)).loaded;
  await seedClassSpeed(database, {
    modelName: manifest.name,
    modelVersion: manifest.version,
    hardwareClass: 'ai4',
    statedMsPerUnit: 1,
  });
  const policy = { ...DEFAULT_CHECK_POLICY, line_share: 0.5 };
  await setCheckPolicy(database, { tenantId: null, modelName: null }, policy);
}, 120_000);
afterAll(async () => {
  await Promise.all([runner.stop(), trusted.close()]);
  await rm(folder, { recursive: true, force: true });
});

const bodyOf = (index: number) => ({
  model: 'tiny',
  messages: [{ role: 'user', content: `Night ${index}` }],
  max_tokens: 30,
  temperature: index % 2,
});

async function submitted(): Promise<{ batchId: string; split: SplitBatch }> {
  const lines = Array.from({ length: LINES }, (_, index) =>
    JSON.stringify({ custom_id: `r${index}`, method: 'POST', url: ENDPOINT, body: bodyOf(index) }),
  );
  const of = { endpoint: ENDPOINT, deadlineMs: NOW_MS * 2 };
  const batchId = await storeSubmission({ database, objects }, lines, of);
  const prepared = await createJobActivities(ports()).prepareBatch({ batchId, cellId });
  if (prepared.kind === 'refused') throw new Error(prepared.message);
  expect(prepared.split).toMatchObject({ checked: true, generates: true, shards: 1 });
  return { batchId, split: prepared.split };
}

/** A car computes the only shard of a batch; `lie` makes something else of its answers. */
async function computedBy(
  vehicleId: string,
  with_: LoadedModel,
  lie: (answer: Answer) => Answer = (answer) => answer,
  by = runner,
): Promise<{ batchId: string; split: SplitBatch }> {
  await enrolFleet(database, [vehicleId]);
  const batch = await submitted();
  const answers = await Promise.all(
    Array.from({ length: LINES }, (_, line) =>
      by.generate(with_, {
        id: answerIds(batch.batchId, 0, line).requestId,
        body: bodyOf(line),
        createdAtSeconds: 1,
      }),
    ),
  );
  const texts = answers.map((answer, line) => answerLine(batch.batchId, 0, line, `r${line}`, lie(answer)));
  const range = { start: 0, end: LINES };
  const body = texts.map((text) => `${text}\n`).join('');
  await objects.put(objectKeys.part(batch.batchId, 0, range, vehicleId), body);
  const partSha256 = createHash('sha256').update(body).digest('hex');
  const receipt = { vehicleId, range, energyWh: 1, deviceMs: 60_000, partSha256 };
  await objects.put(objectKeys.receipt(batch.batchId, 0, range, vehicleId), JSON.stringify(receipt));
  const attempt = { jobId: batch.batchId, shard: 0, vehicleId, handedOutMs: NOW_MS - 900_000, storedAtMs: NOW_MS };
  await recordComputeAttempt(database, attempt);
  return batch;
}

const check = ({ batchId: jobId, split }: { batchId: string; split: SplitBatch }) =>
  createTrustActivities(ports()).checkShards({ jobId, cellId, split, shards: null });
const accept = ({ batchId: jobId, split }: { batchId: string; split: SplitBatch }) =>
  createJobActivities(ports()).acceptShards({ jobId, cellId, split, shards: [{ shard: 0 }] as never });

test('text of an honest car holds, its tokens are not delivered, and what checking cost is booked', async () => {
  const batch = await computedBy('honest-writer', model);
  expect(await check(batch)).toEqual([]);
  expect(await listShareChecks(database, 'honest-writer', 9)).toMatchObject([
    { verdict: 'valid', checked: 6, differing: 0, divergent: 0 },
  ]);
  expect((await listShareChecks(database, 'honest-writer', 9))[0]?.tokens).toBeGreaterThan(60);
  expect(await accept(batch)).toMatchObject([{ accepted: true }]);
  await createJobActivities(ports()).finishBatch({ ...batch, cellId, outcome: 'completed' });
  const { outputFileId } = (await readBatch(database, batch.batchId)) ?? {};
  const output = (await objects.get(objectKeys.file(outputFileId ?? ''))).toString('utf8');
  expect(output.trim().split('\n')).toHaveLength(LINES);
  expect(output).not.toContain('x_tokens');
  expect(JSON.parse(output.split('\n')[0] ?? '')).toMatchObject({ error: null, response: { status_code: 200 } });
  const [booked] = await database.query<{ micros: number }>(
    `select amount_micros as micros from ledger_entries e join ledger_bookings b on b.booking_id = e.booking_id
     where e.account = 'checking' and b.batch_id = $1`,
    [batch.batchId],
  );
  expect(booked?.micros).toBeGreaterThanOrEqual(0);
  expect((await checkLedger(database)).faults).toEqual([]);
}, 60_000);

test('a car with a cheaper variant of the model is caught, however its fingerprint reads', async () => {
  const upload = await tiny('q4');
  const cheaper = { ...(await openFolder(upload)).loaded, sha256: model.sha256.replace(/^./, 'f') };
  const honest = (await runner.generate(model, { id: 'x', body: bodyOf(0), createdAtSeconds: 1 })).body as object;
  const { system_fingerprint } = honest as { system_fingerprint: string };
  const caught = await check(
    await computedBy('cheap-writer', cheaper, (answer) => ({
      ...answer,
      body: { ...(answer.body as object), system_fingerprint },
    })),
  );
  expect(caught).toMatchObject([{ vehicleId: 'cheap-writer' }]);
  const [quarantine] = await listQuarantines(database, 'cheap-writer');
  expect(quarantine?.reason).toMatch(/of their \d+ tokens are not what the model draws there/);
}, 60_000);

function short(answer: Answer): Answer {
  const tokens = [...(answer.tokens?.[0] ?? []).slice(0, 5), TINY_TOKENS.end];
  return { ...answer, tokens: [tokens] };
}

test('a car that breaks its answers off is caught, also where it ends them by the token for that', async () => {
  expect(await check(await computedBy('short-writer', model, short))).toMatchObject([{ vehicleId: 'short-writer' }]);
}, 60_000);

test('text without its tokens counts for nothing, and says why', async () => {
  const batch = await computedBy('old-writer', model, ({ statusCode, body }) => ({ statusCode, body }));
  expect(await check(batch)).toEqual([]);
  expect(await listQuarantines(database, 'old-writer')).toEqual([]);
  expect(await accept(batch)).toMatchObject([{ accepted: false, message: expect.stringContaining('of which tokens') }]);
}, 60_000);

test('a car that the operator trusts is measured, and widens the tolerance of its class', async () => {
  await enrolFleet(database, ['trusted-writer']);
  await setTrustedCar(database, 'trusted-writer', true);
  // The same model by another kind of computer.
  const half = { ...(await openFolder(await tiny('fp16'))).loaded, sha256: model.sha256 };
  const other = new Runner();
  onTestFinished(() => other.stop());
  const batch = await computedBy('trusted-writer', half, undefined, other);
  expect(await check(batch)).toEqual([]);
  const [measured] = await listMeasuredNoise(database, model.sha256);
  expect(measured).toMatchObject({ hardwareClass: 'ai4', samples: 6 });
  expect(measured?.noise.logits).toBeLessThan(0.2);
}, 60_000);
