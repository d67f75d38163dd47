import { METRICS, PROCESS_NAMES, type MetricSpec } from '../domain/metrics.ts';

/** docs/metrics.md, from the table of series. */
export function renderMetricDocs(): string {
  const rows = Object.entries(METRICS).map(([name, { kind, help, labels, by }]: [string, MetricSpec]) => {
    const who = by.length === PROCESS_NAMES.length ? 'all' : by.join(', ');
    return `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${who} | ${help} |`;
  });
  return `${INTRODUCTION}
| series | kind | labels | by | what it says |
|---|---|---|---|---|
${rows.join('\n')}

${OTHERS}`;
}

const INTRODUCTION = `# Metrics, probes, dashboards, alerts

<!-- Written by build/write-metric-docs.ts from domain/metrics.ts. -->

With \`metrics.port\` set (by convention 9464), each process serves three paths at a port of its own: \`control\` at that one, \`api\`
at the next, then \`gateway\`, then \`charging\`. \`metrics.host\` is 127.0.0.1 until it is set; nothing that is served there is a
secret, and nobody is asked for a key.

- \`/metrics\`: OpenMetrics. \`_total\` series count from the start of the process; state of the cell is read from the database at each
  scrape, so that every API process says the same of it: take \`max by (…)\`. A group that cannot be read is left out and counted in
  \`nightshift_unread_figures_total\`.
- \`/live\`: 200 as long as the process can still do its work: its event loop answers and, in \`control\`, its workers run. 503 means that
  only a restart helps.
- \`/ready\`: 200 once it has started and its vital servers answered within 2 s, at most 5 s ago; else 503, with which one is away and
  why. Vital are PostgreSQL to all, Temporal to \`control\` and \`gateway\`, the broker to \`charging\`. While it stops, it is not ready.

[deploy/helm/nightshift/monitoring](../deploy/helm/nightshift/monitoring) has Prometheus's settings, the alerts ([what to do about
each](runbook.md)) and three Grafana dashboards: grid and plan, jobs, platform. Compose starts Prometheus and Grafana with them at
127.0.0.1:9090 and :3000; the chart has them behind \`monitoring.enabled\`, for the Prometheus operator and Grafana's sidecar.

Labels have few values: no car, feeder, tenant or job is one. Ages with "grid" run by the cell's clock, which differs from real time only
in the simulated night.
`;

const OTHERS = `Beside these:

- \`process_*\` and \`nodejs_*\`, of [prom-client](https://github.com/siimon/prom-client): memory, CPU, event loop, garbage collection.
- \`temporal_*\`, in \`control\`: those of [Temporal's SDK](https://docs.temporal.io/references/sdk-metrics), durations in seconds, counters
  with \`_total\`. An agent on a car does not listen: what it does is seen by its telemetry.
`;
