import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startGateway } from '../../../api/gateway/server.ts';
import { taskTokensWith } from '../../../api/gateway/taskTokens.ts';
import { startCentralSystem } from '../../../charging/ocpp/centralSystem.ts';
import { renewableServer } from '../../../domain/renewableServer.ts';
import type { Monitor } from '../../../worker/process/monitor/monitor.ts';
import { watchCertificate, type WatchedCertificate } from '../../../worker/process/certificates.ts';
import { sliceSignerWith } from '../../../store/sliceAccess.ts';
import { eventually } from '../../support/eventually.ts';
import { SELF_SIGNED } from '../../support/selfSigned.ts';

let warnings = 0;
const logger = pino({ level: 'warn' }, { write: () => void (warnings += 1) });
let folder: string;
let files: { certificateFile: string; keyFile: string };
let watched: WatchedCertificate | undefined;
let read: Parameters<Monitor['onScrape']>[0];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nightshift-tls-'));
  files = { certificateFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '10'];
  const renewed = ['-subj', '/CN=renewed', '-keyout', join(folder, 'new-key.pem'), '-out', join(folder, 'new.pem')];
  execFileSync('openssl', [...args, ...renewed], { stdio: 'ignore' });
});
afterEach(() => watched?.close());
afterAll(() => rm(folder, { recursive: true, force: true }));

async function watch(): Promise<WatchedCertificate> {
  await writeFile(files.certificateFile, SELF_SIGNED.cert);
  await writeFile(files.keyFile, SELF_SIGNED.key);
  const monitor: Pick<Monitor, 'onScrape'> = { onScrape: (reader) => void (read = reader) };
  watched = await watchCertificate(files, { logger, monitor, everyRealMs: 20 });
  return watched;
}

async function renew(): Promise<void> {
  await writeFile(files.certificateFile, await readFile(join(folder, 'new.pem')));
  await writeFile(files.keyFile, await readFile(join(folder, 'new-key.pem')));
}

/** The name in the certificate that the server shows to whoever connects now. */
function shownAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] },
      () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      },
    );
    socket.once('error', reject);
  });
}

async function expectRenewal(port: number): Promise<void> {
  expect(await shownAt(port)).toBe('localhost');
  await renew();
  await eventually('the renewed certificate is shown', 10_000, async () =>
    (await shownAt(port)) === 'renewed' ? true : undefined,
  );
}

test('a server of HTTPS shows the renewed certificate without a restart', async () => {
  const server = renewableServer(await watch(), (_, response) => void response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    await expectRenewal(typeof address === 'object' && address ? address.port : 0);
  } finally {
    server.close();
  }
});

test('so does the chargers’ port', async () => {
  const central = await startCentralSystem(
    { host: '127.0.0.1', port: 0, tls: await watch() },
    { admit: async () => undefined, onRefused: () => {}, log: logger },
  );
  try {
    expect(central.url).toMatch(/^wss:/);
    await expectRenewal(Number(new URL(central.url).port));
  } finally {
    await central.close();
  }
});

test('so does the gateway', async () => {
  const gateway = await startGateway(
    { host: '127.0.0.1', port: 0, namespace: 'default', tls: await watch() },
    {
      upstream: { call: async () => new Uint8Array() },
      carOfKey: async () => undefined,
      onRefused: () => {},
      onAttemptFailed: () => {},
      tokens: taskTokensWith('a secret'),
      slices: sliceSignerWith('a secret'),
      log: logger,
      now: Date.now,
    },
  );
  try {
    await expectRenewal(gateway.port);
  } finally {
    await gateway.close();
  }
});

const days = async (): Promise<number> => ((await read())[0]?.value ?? 0) / 86_400;

test('a pair that does not fit together is left alone, and its days are told', async () => {
  const tls = await watch();
  const before = tls.current;
  expect(await days()).toBeGreaterThan(20_000);
  // As in the middle of copying.
  await writeFile(files.certificateFile, await readFile(join(folder, 'new.pem')));
  await eventually('it is told of', 10_000, async () => (warnings > 0 ? true : undefined));
  expect(tls.current).toBe(before);
  await renew();
  await eventually('the pair is taken', 10_000, async () => (tls.current === before ? undefined : true));
  expect(await days()).toBeLessThan(11);
});

test('the first pair must be one', async () => {
  const empty = { certificateFile: join(folder, 'none.pem'), keyFile: files.keyFile };
  const monitor = { onScrape: () => {} };
  await expect(watchCertificate(empty, { logger, monitor })).rejects.toMatchObject({ code: 'invalid_config' });
});
