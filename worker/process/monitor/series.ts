import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry, type OpenMetricsContentType } from 'prom-client';
import { METRICS, type MetricName, type MetricSpec, type ProcessName, type Sample } from '../../../domain/metrics.ts';

type Labels = Readonly<Record<string, string>>;

const NAMES: readonly MetricName[] = Object.keys(METRICS).filter((name): name is MetricName =>
  Object.hasOwn(METRICS, name),
);

/** The series of one process, as domain/metrics.ts names them, and those of Node.js. */
export class Series {
  readonly #registry = new Registry<OpenMetricsContentType>();
  readonly #counters = new Map<MetricName, Counter>();
  readonly #gauges = new Map<MetricName, Gauge>();
  readonly #histograms = new Map<MetricName, Histogram>();

  constructor(process: ProcessName) {
    this.#registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    for (const name of NAMES) {
      const { kind, help, labels: labelNames, by, buckets = [] }: MetricSpec = METRICS[name];
      if (!by.includes(process)) continue;
      const options = { name, help, labelNames: [...labelNames], registers };
      if (kind === 'counter') this.#counters.set(name, new Counter(options));
      else if (kind === 'gauge') this.#gauges.set(name, new Gauge(options));
      else this.#histograms.set(name, new Histogram({ ...options, buckets: [...buckets] }));
    }
  }

  /** Counts up. */
  add(name: MetricName, labels: Labels = {}, value = 1): void {
    this.#counters.get(name)?.inc(labels, value);
  }

  /** Takes a value into a histogram. */
  observe(name: MetricName, labels: Labels, value: number): void {
    this.#histograms.get(name)?.observe(labels, value);
  }

  /** Replaces all values of the series that the samples name: those that are gone are gone. */
  replace(samples: readonly Sample[]): void {
    for (const name of new Set(samples.map((sample) => sample.name))) this.forget(name);
    for (const { name, labels = {}, value } of samples) {
      this.#gauges.get(name)?.set(labels, value);
      // What counts elsewhere is counted on from nothing.
      this.#counters.get(name)?.inc(labels, value);
    }
  }

  forget(name: MetricName): void {
    this.#gauges.get(name)?.reset();
    this.#counters.get(name)?.reset();
  }

  /** In the OpenMetrics format, with its end mark. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}
