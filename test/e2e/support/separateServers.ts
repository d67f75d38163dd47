import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '../../support/eventually.ts';
import { freePorts } from '../../support/freePorts.ts';
import { temporalExecutable } from '../../support/temporalExecutable.ts';
import { startTemporaryPostgres, type TemporaryPostgres } from '../../support/temporaryPostgres.ts';

const ENV = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
const COMPOSE = fileURLToPath(new URL('../../../deploy/compose/', import.meta.url));
const START_LIMIT_MS = 90_000;
const BUCKET = 'nightshift';
const MQTT_PASSWORD = 'of our own processes';

/** S3 servers that may be here, the first that is: `versitygw` serves a folder, `moto_server` keeps all in memory. */
const S3_SERVERS = ['versitygw', 'moto_server'] as const;
const OTHERS = ['mosquitto', 'mosquitto_passwd'] as const;

/** Programs that are not on PATH; without them the servers cannot be run. */
export function missingPrograms(): string[] {
  const s3 = S3_SERVERS.some(isInstalled) ? [] : [S3_SERVERS.join(' or ')];
  return [...OTHERS.filter((name) => !isInstalled(name)), ...s3];
}

function isInstalled(name: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`], { env: ENV, stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The four servers beside a cell, each started by itself as an operator has them: none is ours. */
export class SeparateServers {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly mqttPort: number;
  readonly s3Url: string;
  readonly #folder: string;
  readonly #postgres: TemporaryPostgres;
  readonly #children: readonly ChildProcess[];
  readonly #mosquitto: ChildProcess;

  private constructor(
    folder: string,
    postgres: TemporaryPostgres,
    started: { children: ChildProcess[]; mosquitto: ChildProcess; temporal: number; mqtt: number; s3: number },
  ) {
    this.#folder = folder;
    this.#postgres = postgres;
    this.databaseUrl = `${postgres.url}/postgres`;
    this.#children = started.children;
    this.#mosquitto = started.mosquitto;
    this.temporalAddress = `127.0.0.1:${started.temporal}`;
    this.mqttPort = started.mqtt;
    this.s3Url = `http://127.0.0.1:${started.s3}`;
  }

  static async start(folder: string): Promise<SeparateServers> {
    // Started by root, Mosquitto becomes a user of its own, who has to come through here.
    await chmod(folder, 0o755);
    const [temporal = 0, mqtt = 0, s3 = 0] = await freePorts(3);
    const postgres = await startTemporaryPostgres('nightshift-separate-pg-');
    const executable = await temporalExecutable();
    const dynamic = Object.entries({
      'matching.useNewMatcher': 'true',
      'matching.enableFairness': 'true',
      'matching.numTaskqueueReadPartitions': '1',
      'matching.numTaskqueueWritePartitions': '1',
    }).flatMap(([key, value]) => ['--dynamic-config-value', `${key}=${value}`]);
    const database = join(folder, 'temporal.db');
    const children = [
      spawn(
        executable,
        ['server', 'start-dev', '--headless', '--port', `${temporal}`, '--db-filename', database, ...dynamic],
        { stdio: 'ignore' },
      ),
    ];

    children.push(await startS3(join(folder, 's3'), s3));
    const mosquitto = await startMosquitto(join(folder, 'mosquitto'), mqtt);
    children.push(mosquitto);
    const servers = new SeparateServers(folder, postgres, { children, mosquitto, temporal, mqtt, s3 });
    try {
      await Promise.all([temporal, mqtt, s3].map((port) => answers(port)));
    } catch (error) {
      await servers.stop();
      throw error;
    }
    // Where the folder is not the bucket, it is made; where it is, it is there.
    await fetch(`${servers.s3Url}/${BUCKET}`, { method: 'PUT' });
    return servers;
  }

  static readonly accessKey = 'nightshift';
  static readonly secretKey = 'of the object store';

  /** What every process of the cell is told of them. */
  get environment(): Record<string, string> {
    return {
      DATABASE_URL: this.databaseUrl,
      TEMPORAL_ADDRESS: this.temporalAddress,
      MQTT_URL: `mqtt://nightshift:${encodeURIComponent(MQTT_PASSWORD)}@127.0.0.1:${this.mqttPort}`,
      NIGHTSHIFT_MQTT_CAR_URL: `mqtt://127.0.0.1:${this.mqttPort}`,
      NIGHTSHIFT_OBJECTS_URL: `s3://${BUCKET}`,
      NIGHTSHIFT_OBJECTS_ENDPOINT: this.s3Url,
      AWS_ACCESS_KEY_ID: SeparateServers.accessKey,
      AWS_SECRET_ACCESS_KEY: SeparateServers.secretKey,
    };
  }

  /** As docs/broker.md says: a car's user is its id, its password is its key. */
  admitCar(carId: string, key: string): void {
    execFileSync('mosquitto_passwd', ['-b', join(this.#folder, 'mosquitto', 'passwords'), carId, key], { env: ENV });
    this.#mosquitto.kill('SIGHUP');
  }

  async stop(): Promise<void> {
    for (const child of this.#children) await ended(child);
    await this.#postgres.server.stop();
  }
}

async function startS3(folder: string, port: number): Promise<ChildProcess> {
  await mkdir(join(folder, BUCKET), { recursive: true });
  const { accessKey, secretKey } = SeparateServers;
  if (!isInstalled('versitygw')) return spawn('moto_server', ['-H', '127.0.0.1', '-p', `${port}`], { stdio: 'ignore' });
  const args = ['--access', accessKey, '--secret', secretKey, '--port', `127.0.0.1:${port}`, 'posix', folder];
  return spawn('versitygw', args, { stdio: 'ignore' });
}

async function startMosquitto(folder: string, port: number): Promise<ChildProcess> {
  await mkdir(folder, { recursive: true });
  // Started by root, it becomes a user of its own, who has to read this.
  await chmod(folder, 0o777);
  const passwords = join(folder, 'passwords');
  execFileSync('mosquitto_passwd', ['-b', '-c', passwords, 'nightshift', MQTT_PASSWORD], { env: ENV });
  await chmod(passwords, 0o644);
  await copyFile(`${COMPOSE}mosquitto.acl`, join(folder, 'acl'));
  await chmod(join(folder, 'acl'), 0o644);
  // The file of compose, at other paths and on loopback.
  const settings = (await readFile(`${COMPOSE}mosquitto.conf`, 'utf8'))
    .replace('listener 1883', `listener ${port} 127.0.0.1`)
    .replace('/mosquitto/data/passwords', passwords)
    .replace('/mosquitto/config/acl', join(folder, 'acl'))
    .replace('/mosquitto/data/', `${folder}/`);
  await writeFile(join(folder, 'mosquitto.conf'), settings);
  return spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], { env: ENV, stdio: 'ignore' });
}

async function answers(port: number): Promise<void> {
  await eventually(`a server answers at ${port}`, START_LIMIT_MS, async () => {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } finally {
      socket.destroy();
    }
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}
