/** What says in the Prometheus format what a counter is. */
const COUNTER_TYPE = /^# TYPE (\S+)_total counter$/;
const HEAD = /^# (HELP|TYPE) (\S+)/;

/**
 * Temporal's core exposes the older Prometheus format: in OpenMetrics, a counter is declared without the `_total` that its
 * values have.
 */
export function asOpenMetrics(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '');
  const counters = new Set(lines.flatMap((line) => COUNTER_TYPE.exec(line)?.[1] ?? []));
  return lines
    .map((line) => {
      const [, , name = ''] = HEAD.exec(line) ?? [];
      const family = name.replace(/_total$/, '');
      return counters.has(family) ? line.replace(name, family) : line;
    })
    .map((line) => `${line}\n`)
    .join('');
}
