import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/freePorts.ts';

const PASSWORDS = { nightshift: 'ours', 'telemetry-server': 'telemetry', a: 'key of a', b: 'key of b' };
const ENV = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
const clients: MqttClient[] = [];
let folder: string;
let url: string;
let mosquitto: ChildProcess;

function isInstalled(): boolean {
  try {
    execFileSync('mosquitto', ['-h'], { env: ENV, stdio: 'ignore' });
  } catch (error) {
    // It exits with 3 after its help.
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
  return true;
}

/** The access list as docs/broker.md prints it: what is tested is what operators copy. */
async function documentedAcl(): Promise<string> {
  const docs = await readFile(new URL('../../../docs/broker.md', import.meta.url), 'utf8');
  const [, acl] = /```\n(user nightshift\n[^`]*)```/.exec(docs) ?? [];
  if (!acl) throw new Error('docs/broker.md shows no access list');
  return acl;
}

async function enter(username?: string, password?: string): Promise<MqttClient> {
  const client = await connectAsync(url, {
    protocolVersion: 4,
    reconnectPeriod: 0,
    ...(username !== undefined && password !== undefined && { username, password }),
  });
  clients.push(client);
  return client;
}

function heardBy(client: MqttClient): string[] {
  const got: string[] = [];
  client.on('message', (topic, payload) => got.push(`${topic}=${payload.toString()}`));
  return got;
}

describe.skipIf(!isInstalled())(
  'a Mosquitto as docs/broker.md sets it up (needs mosquitto on PATH or in /usr/sbin)',
  () => {
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nightshift-mosquitto-'));
      // Started by root, it becomes a user of its own, who has to read this.
      await chmod(folder, 0o755);
      const [acl, passwords, conf] = ['acl', 'passwords', 'conf'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      await writeFile(acl, await documentedAcl(), { mode: 0o644 });
      await writeFile(passwords, '', { mode: 0o644 });
      for (const [user, password] of Object.entries(PASSWORDS)) {
        execFileSync('mosquitto_passwd', ['-b', passwords, user, password], { env: ENV, stdio: 'ignore' });
      }
      await chmod(passwords, 0o644);
      const port = await freePort();
      url = `mqtt://127.0.0.1:${port}`;
      await writeFile(
        conf,
        `listener ${port} 127.0.0.1\nallow_anonymous false\npassword_file ${passwords}\nacl_file ${acl}\n`,
        { mode: 0o644 },
      );
      mosquitto = spawn('mosquitto', ['-c', conf], { env: ENV, stdio: 'ignore' });
      await eventually('Mosquitto answers', 10_000, () => enter('nightshift', 'ours').catch(() => undefined));
    }, 20_000);

    afterAll(async () => {
      await Promise.all(clients.map((client) => client.endAsync(true)));
      mosquitto?.kill();
      await rm(folder, { recursive: true, force: true });
    });

    test.each([
      ['anonymous', undefined, undefined],
      ['a car with a wrong key', 'a', 'guess'],
      ["a car with another car's key", 'a', 'key of b'],
    ])('does not let in %s', async (_, username, password) => {
      await expect(enter(username, password)).rejects.toMatchObject({ code: 5 });
    });

    test('lets a car hear its own orders and say what it measures, and nothing else', async () => {
      const [control, car] = [await enter('nightshift', 'ours'), await enter('a', 'key of a')];
      const [heard, got] = [heardBy(control), heardBy(car)];
      await control.subscribeAsync(['nightshift/#', 'telemetry/#'], { qos: 1 });
      for (const filter of ['#', 'nightshift/+/setpoints', 'nightshift/b/#', 'telemetry/#', 'nightshift/a/#']) {
        await car.subscribeAsync(filter, { qos: 1 }).catch(() => undefined);
      }
      for (const topic of ['nightshift/b/meter', 'nightshift/a/setpoints', 'telemetry/b/v/Soc', 'nightshift/a/meter']) {
        await car.publishAsync(topic, 'from a', { qos: 1 });
      }
      await expect.poll(() => heard).toEqual(['nightshift/a/meter=from a']);
      for (const topic of ['telemetry/b/v/Location', 'nightshift/b/setpoints', 'nightshift/a/setpoints']) {
        await control.publishAsync(topic, 'x', { qos: 1 });
      }
      // What it says itself below its own prefix comes back too; orders of others do not.
      await expect.poll(() => got.at(-1)).toBe('nightshift/a/setpoints=x');
      expect(got.filter((line) => !line.startsWith('nightshift/a/'))).toEqual([]);
    });

    test('lets the telemetry server speak for every car, and give no orders', async () => {
      const [control, server] = [await enter('nightshift', 'ours'), await enter('telemetry-server', 'telemetry')];
      const heard = heardBy(control);
      await control.subscribeAsync(['nightshift/#', 'telemetry/#'], { qos: 1 });
      for (const topic of ['nightshift/a/setpoints', 'telemetry/b/v/Soc']) {
        await server.publishAsync(topic, 'x', { qos: 1 });
      }
      await expect.poll(() => heard).toEqual(['telemetry/b/v/Soc=x']);
    });
  },
);
