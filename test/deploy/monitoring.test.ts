import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { METRICS, PROCESS_NAMES } from '../../domain/metrics.ts';
import { portOf } from '../../worker/process/monitor/monitor.ts';

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
const MONITORING = `${CHECKOUT}deploy/helm/nightshift/monitoring/`;
const PROMTOOL = process.env.PATH?.split(':').some((folder) => existsSync(`${folder}/promtool`)) === true;

/** Of Temporal's SDK, of prom-client and of Prometheus itself, those that we look at. */
const OTHERS = [
  'temporal_worker_task_slots_available',
  'temporal_workflow_task_execution_failed_total',
  'temporal_workflow_task_schedule_to_start_latency_seconds_bucket',
  'temporal_activity_schedule_to_start_latency_seconds_bucket',
  'process_resident_memory_bytes',
  'process_cpu_seconds_total',
  'nodejs_eventloop_lag_p99_seconds',
  'up',
];
const KNOWN = new Set([
  ...OTHERS,
  ...Object.entries(METRICS).flatMap(([name, { kind }]) =>
    kind === 'histogram' ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  ),
]);
/** Where one of our labels is asked for, its series has it. */
const LABELS = /\b(nightshift_\w+)\{([^}]*)\}/g;

const promtool = (...args: string[]): string => execFileSync('promtool', args, { cwd: CHECKOUT, encoding: 'utf8' });
const text = (path: string): string => readFileSync(`${MONITORING}${path}`, 'utf8');
const seriesOf = (expression: string): string[] =>
  [...expression.matchAll(/\b(?:nightshift|temporal|process|nodejs)_\w+|\bup\b/g)].map(([name]) => name);

function expectKnown(expression: string): void {
  expect(
    seriesOf(expression).filter((name) => !KNOWN.has(name)),
    expression,
  ).toEqual([]);
  for (const [, name = '', matchers = ''] of expression.matchAll(LABELS)) {
    const family = name.replace(/_(bucket|count|sum)$/, '');
    const labels: readonly string[] = Object.entries(METRICS).find(([known]) => known === family)?.[1].labels ?? [];
    for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=|!)/g)) expect(labels, expression).toContain(label);
  }
}

interface Dashboard {
  title: string;
  panels: { title: string; targets: { expr: string }[] }[];
}

test('three dashboards ask for series that exist, and together show most of them', () => {
  const files = readdirSync(`${MONITORING}dashboards`);
  expect(files).toEqual(['grid-and-plan.json', 'jobs.json', 'platform.json']);
  const shown = new Set<string>();
  for (const file of files) {
    const { panels } = JSON.parse(text(`dashboards/${file}`)) as Dashboard;
    for (const { title, targets } of panels) {
      expect(title).not.toBe('');
      for (const { expr } of targets) {
        expectKnown(expr);
        for (const name of seriesOf(expr)) shown.add(name.replace(/_bucket$|_count$/, ''));
      }
    }
  }
  expect(Object.keys(METRICS).filter((name) => !shown.has(name))).toEqual([
    'nightshift_build_info',
    'nightshift_slot_seconds',
  ]);
});

describe('alerts', () => {
  const { groups } = parse(text('alerts.yaml')) as {
    groups: { rules: { alert: string; expr: string; annotations: { runbook: string } }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);

  test('ask for series that exist, and have their lines in the runbook', () => {
    const runbook = readFileSync(`${CHECKOUT}docs/runbook.md`, 'utf8');
    for (const { alert, expr, annotations } of rules) {
      expectKnown(expr);
      expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
      expect(runbook).toMatch(new RegExp(`^## ${alert}\n\n.{40}`, 'm'));
    }
    const told = [...runbook.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(new Set(told)).toEqual(new Set(rules.map(({ alert }) => alert)));
  });

  test('are each tested', () => {
    const tested = readFileSync(`${CHECKOUT}test/deploy/alerts.test.yaml`, 'utf8');
    for (const { alert } of rules) expect(tested).toContain(`alertname="${alert}"`);
  });

  test.skipIf(!PROMTOOL)('fire when they should and at no other time (skipped where promtool is not on PATH)', () => {
    expect(promtool('check', 'rules', `${MONITORING}alerts.yaml`)).toContain(`${rules.length} rules found`);
    expect(promtool('test', 'rules', 'test/deploy/alerts.test.yaml')).toContain('SUCCESS');
    expect(promtool('check', 'config', '--syntax-only', `${MONITORING}prometheus.yaml`)).toContain('is valid');
  });
});

test('every process is scraped and probed at its own port, in compose and in the chart', () => {
  const ports = PROCESS_NAMES.map((name) => `${name}:${portOf(name, 9464)}`);
  const {
    scrape_configs: [scrape],
  } = parse(text('prometheus.yaml')) as {
    scrape_configs: [{ static_configs: [{ targets: string[] }] }];
  };
  expect(scrape.static_configs[0].targets.toSorted()).toEqual(ports.toSorted());
  const compose = readFileSync(`${CHECKOUT}deploy/compose/compose.yaml`, 'utf8');
  const chart = readFileSync(`${MONITORING}../templates/processes.yaml`, 'utf8');
  for (const name of PROCESS_NAMES) {
    const port = portOf(name, 9464);
    expect(compose).toContain(`http://127.0.0.1:${port}/ready`);
    expect(chart).toMatch(new RegExp(`"name" "${name}" "port" \\d+ "metrics" ${port}\\)`));
  }
});
