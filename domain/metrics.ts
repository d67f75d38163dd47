/** The processes of a cell, in the order of their ports from `metrics.port` on. */
export const PROCESS_NAMES = ['control', 'api', 'gateway', 'charging'] as const;
export type ProcessName = (typeof PROCESS_NAMES)[number];

export interface MetricSpec {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** What it says, with its unit. A counter's name ends in `_total`. */
  readonly help: string;
  /** Each with few values: no car, feeder, tenant or job. */
  readonly labels: readonly string[];
  /** Who exposes it. */
  readonly by: readonly ProcessName[];
  /** Upper ends, of a histogram. */
  readonly buckets?: readonly number[];
}

const CONTROL = ['control'] as const;
const API = ['api'] as const;
const GATEWAY = ['gateway'] as const;
const CHARGING = ['charging'] as const;
const SECONDS = [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300] as const;

/** Every series of ours; docs/metrics.md is written from this table. */
export const METRICS = {
  nightshift_build_info: {
    kind: 'gauge',
    help: '1, with the version that runs.',
    labels: ['version'],
    by: PROCESS_NAMES,
  },
  nightshift_dependency_up: {
    kind: 'gauge',
    help: '1 when the server answered at the last look, at most 5 s ago; else 0.',
    labels: ['dependency'],
    by: PROCESS_NAMES,
  },
  nightshift_disk_free_bytes: {
    kind: 'gauge',
    help: 'Bytes that are free where the state folder is.',
    labels: [],
    by: PROCESS_NAMES,
  },
  nightshift_disk_size_bytes: {
    kind: 'gauge',
    help: 'Bytes of the file system where the state folder is.',
    labels: [],
    by: PROCESS_NAMES,
  },
  nightshift_unread_figures_total: {
    kind: 'counter',
    help: 'Groups of series that could not be read for a scrape, which then leaves them out.',
    labels: [],
    by: PROCESS_NAMES,
  },
  nightshift_certificate_seconds_left: {
    kind: 'gauge',
    help: 'Seconds until the certificate that is shown to clients runs out; below 0 when it has.',
    labels: [],
    by: ['api', 'gateway', 'charging'],
  },

  nightshift_solver_seconds: {
    kind: 'histogram',
    help: 'Real seconds that the solver took for a plan; `failed` ones kept the last plan, tightened.',
    labels: ['outcome'],
    by: CONTROL,
    buckets: SECONDS,
  },
  nightshift_shards_judged_total: {
    kind: 'counter',
    help: 'Shards whose answers were judged, by outcome: accepted, or refused and computed again.',
    labels: ['outcome'],
    by: CONTROL,
  },
  nightshift_shard_handovers_total: {
    kind: 'counter',
    help: 'Times that another car went on with a shard that is accepted by now.',
    labels: [],
    by: CONTROL,
  },
  nightshift_redone_lines_total: {
    kind: 'counter',
    help: 'Lines of accepted shards that were computed more than once.',
    labels: [],
    by: CONTROL,
  },

  nightshift_plan_age_seconds: {
    kind: 'gauge',
    help: 'Grid seconds since the newest plan was made.',
    labels: ['cell'],
    by: API,
  },
  nightshift_slot_seconds: {
    kind: 'gauge',
    help: 'Grid seconds between two plans, when all is well.',
    labels: ['cell'],
    by: API,
  },
  nightshift_plan_gap_ratio: {
    kind: 'gauge',
    help: 'What the newest plan loses at most against its proven lower bound, as a share of it.',
    labels: ['cell'],
    by: API,
  },
  nightshift_planned_kw: {
    kind: 'gauge',
    help: 'What the running slot’s plan has the cars draw at their plugs, kW.',
    labels: ['region', 'use'],
    by: API,
  },
  nightshift_metered_kw: {
    kind: 'gauge',
    help: 'Mean power of the last slot that has ended by the cars’ meters, kW.',
    labels: ['region', 'use'],
    by: API,
  },
  nightshift_metered_slot_planned_kw: {
    kind: 'gauge',
    help: 'What was planned for the slot of `nightshift_metered_kw`, kW.',
    labels: ['region', 'use'],
    by: API,
  },
  nightshift_house_kw: {
    kind: 'gauge',
    help: 'What the houses on the region’s feeders draw in the running slot, as far as it is known, kW.',
    labels: ['region'],
    by: API,
  },
  nightshift_limit_kw: {
    kind: 'gauge',
    help: 'Import limits in force in the running slot, all feeders of the region together, kW.',
    labels: ['region'],
    by: API,
  },
  nightshift_feeders_over_limit: {
    kind: 'gauge',
    help: 'Feeders that drew more than their limit in the last slot that has ended, beyond what meters can tell.',
    labels: ['region'],
    by: API,
  },
  nightshift_feeders_in_emergency: {
    kind: 'gauge',
    help: 'Feeders whose import limit is 0 now.',
    labels: ['region'],
    by: API,
  },
  nightshift_price_eur_per_kwh: {
    kind: 'gauge',
    help: 'Price in the running slot, EUR per kWh.',
    labels: ['region'],
    by: API,
  },
  nightshift_carbon_g_per_kwh: {
    kind: 'gauge',
    help: 'Carbon intensity in the running slot, g of CO2 per kWh.',
    labels: ['region'],
    by: API,
  },
  nightshift_feed_age_seconds: {
    kind: 'gauge',
    help: 'Grid seconds since the feed’s source was last read; without a value until it was.',
    labels: ['region', 'feed'],
    by: API,
  },
  nightshift_feed_failures: {
    kind: 'gauge',
    help: 'Readings of the feed that failed in a row.',
    labels: ['region', 'feed'],
    by: API,
  },
  nightshift_utility_failures: {
    kind: 'gauge',
    help: 'Looks at a utility’s server that failed in a row, the worst of the region.',
    labels: ['region'],
    by: API,
  },
  nightshift_cars: {
    kind: 'gauge',
    help: 'Enrolled cars by state.',
    labels: ['region', 'state'],
    by: API,
  },
  nightshift_cars_by_reason: {
    kind: 'gauge',
    help: 'Cars for which the reason holds, by who holds the car for it; a car has several.',
    labels: ['holder', 'reason'],
    by: API,
  },
  nightshift_cars_online: {
    kind: 'gauge',
    help: 'Cars that are online and at a plug.',
    labels: ['cell'],
    by: API,
  },
  nightshift_cars_silent: {
    kind: 'gauge',
    help: 'Of them, those from which nothing was heard for 15 min of grid time.',
    labels: ['cell'],
    by: API,
  },
  nightshift_owners_at_risk: {
    kind: 'gauge',
    help: 'Cars that the newest plan cannot bring to their owner’s minimum or target in time.',
    labels: ['cell'],
    by: API,
  },
  nightshift_jobs: {
    kind: 'gauge',
    help: 'Open jobs by state.',
    labels: ['cell', 'state'],
    by: API,
  },
  nightshift_jobs_at_risk: {
    kind: 'gauge',
    help: 'Jobs that the newest plan cannot finish by their deadline.',
    labels: ['cell'],
    by: API,
  },
  nightshift_shards: {
    kind: 'gauge',
    help: 'Shards of open jobs by state.',
    labels: ['cell', 'state'],
    by: API,
  },
  nightshift_shards_waiting: {
    kind: 'gauge',
    help: 'Pending shards by the first reason that the newest plan gives for their job.',
    labels: ['cell', 'reason'],
    by: API,
  },
  nightshift_oldest_job_seconds: {
    kind: 'gauge',
    help: 'Grid seconds since the oldest open job was submitted; 0 when none is open.',
    labels: ['cell'],
    by: API,
  },
  nightshift_queue_age_seconds: {
    kind: 'gauge',
    help: 'Real seconds that the oldest task waits in Temporal, of all queues of the group.',
    labels: ['queue'],
    by: API,
  },
  nightshift_queue_tasks: {
    kind: 'gauge',
    help: 'Tasks that wait in Temporal, about.',
    labels: ['queue'],
    by: API,
  },
  nightshift_ledger_imbalance_micros: {
    kind: 'gauge',
    help: 'By how much bookings do not balance, all together, in millionths of the currency; read every 5 min.',
    labels: ['currency'],
    by: API,
  },

  nightshift_telemetry_taken: {
    kind: 'gauge',
    help: '1 in the API process that takes the cell’s telemetry, 0 in those that stand by.',
    labels: [],
    by: API,
  },
  nightshift_telemetry_messages_total: {
    kind: 'counter',
    help: 'Messages of cars that were received.',
    labels: [],
    by: API,
  },
  nightshift_telemetry_lost_total: {
    kind: 'counter',
    help: 'What was lost of them: messages of strangers, unreadable ones, and a car’s data that the database refused.',
    labels: ['reason'],
    by: API,
  },
  nightshift_meter_lag_seconds: {
    kind: 'histogram',
    help: 'Grid seconds between a meter reading, by the car’s clock, and its receipt.',
    labels: [],
    by: API,
    buckets: SECONDS,
  },
  nightshift_telemetry_write_seconds: {
    kind: 'histogram',
    help: 'Real seconds from the first message of a batch until the batch was stored.',
    labels: [],
    by: API,
    buckets: SECONDS,
  },
  nightshift_http_requests_total: {
    kind: 'counter',
    help: 'Requests that were answered, by the first part of the path and the class of the status.',
    labels: ['area', 'status'],
    by: API,
  },
  nightshift_http_request_seconds: {
    kind: 'histogram',
    help: 'Real seconds until an answer began.',
    labels: ['area'],
    by: API,
    buckets: SECONDS,
  },

  nightshift_gateway_calls_total: {
    kind: 'counter',
    help: 'Calls of cars that were let through to Temporal, by procedure.',
    labels: ['rpc'],
    by: GATEWAY,
  },
  nightshift_gateway_open_calls: {
    kind: 'gauge',
    help: 'Calls of cars that are under way, most of them polls.',
    labels: [],
    by: GATEWAY,
  },
  nightshift_gateway_refused_total: {
    kind: 'counter',
    help: 'Calls that were refused, by what was wrong with them.',
    labels: ['reason'],
    by: GATEWAY,
  },
  nightshift_gateway_failed_attempts_total: {
    kind: 'counter',
    help: 'Attempts at shards that cars gave up.',
    labels: [],
    by: GATEWAY,
  },

  nightshift_chargers_connected: {
    kind: 'gauge',
    help: 'Chargers that are connected over OCPP now.',
    labels: [],
    by: CHARGING,
  },
  nightshift_chargers_refused_total: {
    kind: 'counter',
    help: 'Connections of chargers that were refused.',
    labels: [],
    by: CHARGING,
  },
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;

/** One value of a series, with the labels that its spec names. */
export interface Sample {
  readonly name: MetricName;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}
