import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { CONFIG_KEYS } from '../../config/keys.ts';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const CHART = 'deploy/helm/nightshift';
/** Read by the libraries that we use, or by the embedding of them, beside our own keys. */
const OTHERS_VARIABLES = ['TEMPORAL_ADDRESS', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
const KNOWN_VARIABLES = [...Object.values(CONFIG_KEYS).map(({ env }) => env), ...OTHERS_VARIABLES];

const text = (path: string): string => readFileSync(`${CHECKOUT}${path}`, 'utf8');
/** Of a file of the build, the source that it comes from. */
const hasSource = (built: string): boolean => existsSync(CHECKOUT + built.replace('dist/', '').replace(/\.js$/, '.ts'));

interface Service {
  image: string;
  build?: object;
  command?: string[];
  read_only?: boolean;
  environment?: Record<string, string>;
  depends_on?: Record<string, unknown> | string[];
}

describe('compose', () => {
  const { services } = parse(text('deploy/compose/compose.yaml'), { merge: true }) as {
    services: Record<string, Service>;
  };
  const ours = Object.entries(services).filter(([, { build }]) => build !== undefined);

  test('runs every process of ours, each with settings that it knows, on a root that it cannot write', () => {
    expect(ours.map(([name]) => name)).toEqual(['control', 'api', 'gateway', 'charging']);
    for (const [name, service] of ours) {
      expect(service.command).toEqual([`dist/worker/${name}/main.js`]);
      expect(hasSource(service.command?.[0] ?? '')).toBe(true);
      expect(service.read_only).toBe(true);
      expect(Object.keys(service.environment ?? {}).filter((key) => !KNOWN_VARIABLES.includes(key))).toEqual([]);
    }
  });

  test('pins every image, and waits only for services that are there', () => {
    for (const { image, build, depends_on: after = {} } of Object.values(services)) {
      if (!build) expect(image).toMatch(/:(?!latest)[\w.-]*\d/);
      for (const name of Array.isArray(after) ? after : Object.keys(after))
        expect(Object.keys(services)).toContain(name);
    }
  });

  test('asks for every secret by a variable of example.env', () => {
    const asked = new Set([...text('deploy/compose/compose.yaml').matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name));
    const offered = [...text('deploy/compose/example.env').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(new Set(offered)).toEqual(asked);
  });

  test('gives the broker the rights that the docs say', () => {
    expect(text('docs/broker.md')).toContain(text('deploy/compose/mosquitto.acl'));
  });

  test('gives Temporal the settings that the docs say', () => {
    const settings = parse(text('deploy/compose/temporal.yaml')) as Record<string, { value: unknown }[]>;
    for (const [name, [setting]] of Object.entries(settings))
      expect(text('docs/local-stack.md')).toContain(`| \`${name}\` | \`${String(setting?.value)}\` |`);
    expect(Object.keys(settings)).toHaveLength(4);
  });
});

test('the image runs as a user that is not root', () => {
  const stages = text('deploy/container/Dockerfile').split(/^FROM /m);
  expect(stages.at(-1)).toMatch(/^USER node$/m);
});

test('every systemd unit starts a program that is there', () => {
  const units = readdirSync(`${CHECKOUT}deploy/systemd`);
  expect(units.length).toBeGreaterThan(4);
  for (const unit of units) {
    const [, program = ''] = /^ExecStart=\/usr\/bin\/node (\S+)/m.exec(text(`deploy/systemd/${unit}`)) ?? [];
    expect(hasSource(program), unit).toBe(true);
  }
});

describe('the Helm chart', () => {
  test('sets keys that we know', () => {
    const { environment } = parse(text(`${CHART}/values.yaml`)) as { environment: Record<string, string> };
    expect(Object.keys(environment).filter((key) => !KNOWN_VARIABLES.includes(key))).toEqual([]);
  });

  const helm = process.env.PATH?.split(':').some((folder) => existsSync(`${folder}/helm`)) === true;
  test.skipIf(!helm)('renders (skipped where helm is not on PATH)', () => {
    const cell = `${CHECKOUT}test/deploy/cell.yaml`;
    const args = [
      'template',
      'north',
      CHART,
      '--set-file',
      `cell=${cell}`,
      '--set',
      'charging.enabled=true,monitoring.enabled=true',
    ];
    const rendered = execFileSync('helm', args, { cwd: CHECKOUT, encoding: 'utf8' });
    const objects = parseAllDocuments(rendered).map(
      (each) => each.toJSON() as { kind: string; metadata: { name: string } },
    );
    const deployments = objects.filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata.name);
    expect(deployments).toEqual(['north-control', 'north-api', 'north-gateway', 'north-charging']);
    expect(objects.filter(({ kind }) => kind === 'PodDisruptionBudget')).toHaveLength(4);
    for (const kind of ['PodMonitor', 'PrometheusRule'])
      expect(objects.filter((each) => each.kind === kind)).toHaveLength(1);
  });
});
