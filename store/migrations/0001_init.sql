-- Instants are timestamptz in grid time (the utility's time), except columns that end in _real_at.
-- Powers are kW, energies kWh, money EUR as numeric.

create table cells (
  id            text primary key,
  clock         jsonb not null,               -- domain/clock.ts
  slot_minutes  integer not null,
  incarnation   text not null,                -- a cell whose clock is restarted begins anew under another one
  created_real_at timestamptz not null default now()
);

create table regions (
  id            text primary key,
  cell_id       text not null references cells (id) on delete cascade,
  time_zone     text not null,                -- IANA
  feeds         jsonb not null                -- activities/grid: which feeds to read
);

create table feeders (
  id            text primary key,
  region_id     text not null references regions (id) on delete cascade,
  fail_safe_import_kw numeric not null        -- in force while no import limit is known; never "unlimited"
);

-- Normal form of every grid signal: half-open spans, newest revision of a source wins.
create table signals (
  region_id     text not null references regions (id) on delete cascade,
  feeder_id     text references feeders (id) on delete cascade,
  kind          text not null check (kind in ('price', 'carbon', 'temperature', 'import_limit', 'house_load')),
  starts_at     timestamptz not null,
  ends_at       timestamptz not null check (ends_at > starts_at),
  value         numeric not null,
  unit          text not null,
  source        text not null,
  forecast      boolean not null default false,
  fetched_at    timestamptz not null,
  unique nulls not distinct (region_id, feeder_id, kind, source, starts_at)
);
create index signals_by_time on signals (region_id, kind, starts_at);

create table vehicles (
  id             text primary key,            -- VIN
  region_id      text not null references regions (id) on delete cascade,
  feeder_id      text not null references feeders (id) on delete cascade,
  owner_id       text not null,
  display_name   text not null,
  car_model      text not null,
  hardware_class text not null,
  battery_kwh    numeric not null,
  charger        jsonb not null,              -- domain/vehicles.ts
  policy         jsonb not null,              -- domain/vehicles.ts
  stays          integer not null default 0   -- numbers the parking sessions
);

-- Fused from telemetry (api/ingress); one row a car, survives restarts.
create table vehicle_states (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  fused         jsonb not null,
  plugged_in    boolean not null default false,
  online        boolean not null default false,
  soc_percent   numeric,
  updated_at    timestamptz not null
);

create table parking_sessions (
  vehicle_id    text not null references vehicles (id) on delete cascade,
  stay          integer not null,
  plugged_in_at timestamptz not null,
  ready_by      timestamptz not null,
  target_soc_percent numeric not null,
  arrival_soc_percent numeric,
  ready_by_soc_percent numeric,               -- measured at ready-by or at departure, whichever came first
  unplugged_at  timestamptz,
  settled       jsonb,                        -- the owner's statement
  primary key (vehicle_id, stay)
);
create unique index one_open_session on parking_sessions (vehicle_id) where unplugged_at is null;

-- Energy per car and slot, from the agent's cumulative registers.
create table meter_intervals (
  vehicle_id    text not null references vehicles (id) on delete cascade,
  slot_start    timestamptz not null,
  charging_kwh  numeric not null default 0,
  compute_kwh   numeric not null default 0,
  primary key (vehicle_id, slot_start)
);
create table meter_registers (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  read_at       timestamptz not null,
  charging_kwh  numeric not null,
  compute_kwh   numeric not null
);

create table plans (
  id            text primary key,
  cell_id       text not null references cells (id) on delete cascade,
  slot_start    timestamptz not null,
  created_at    timestamptz not null,
  problem       jsonb not null,
  plan          jsonb not null
);
create index plans_by_slot on plans (cell_id, slot_start desc);

create table models (
  name          text not null,
  version       text not null,
  family        text not null,
  sha256        text not null,
  manifest      jsonb not null,
  added_real_at timestamptz not null default now(),
  primary key (name, version)
);

create table files (
  id            text primary key,
  filename      text not null,
  purpose       text not null,
  bytes         bigint not null,
  object_key    text not null,
  created_real_at timestamptz not null default now(),
  expires_real_at timestamptz
);

create table batches (
  id             text primary key,
  endpoint       text not null,
  input_file_id  text not null,
  completion_window text not null,
  metadata       jsonb,
  status         text not null,
  errors         jsonb,
  output_file_id text,
  error_file_id  text,
  output_expires_after_seconds integer,        -- output and error files are kept that long; null for ever
  total          integer not null default 0,
  completed      integer not null default 0,
  failed         integer not null default 0,
  expired        integer not null default 0,
  timestamps     jsonb not null default '{}',  -- OpenAI's *_at, unix seconds
  deadline       timestamptz not null,         -- grid time
  submitted_at   timestamptz not null,         -- grid time
  idempotency_key text unique,
  request_hash   text not null,                -- of the request as sent: finds retries that carry no key
  job_started_real_at timestamptz,             -- null: accepted, but Temporal has not taken the job yet
  created_real_at timestamptz not null default now()
);
create index batches_by_request on batches (request_hash, created_real_at);
create index batches_unstarted on batches (created_real_at) where job_started_real_at is null;
create index batches_by_input on batches (input_file_id);

-- What the planner needs to know of a job that is under way; written by the job's workflow.
create table job_progress (
  job_id        text primary key references batches (id) on delete cascade,
  cell_id       text not null references cells (id) on delete cascade,
  model         jsonb not null,                -- domain/shards.ts ModelRef
  shards        integer not null,
  pending       integer not null,
  in_flight     integer not null,
  done          integer not null,
  lines_per_shard integer not null,
  paused        boolean not null default false,
  finished      boolean not null default false
);

-- Append-only. The unique key is what makes paying idempotent: accepted work is paid once, whoever retries.
create table ledger (
  entry_id      bigint generated always as identity primary key,
  owner_id      text not null,
  vehicle_id    text not null,
  kind          text not null check (kind in ('compute', 'availability')),
  reference     text not null,                 -- job/<id>/shard/<n> or session/<vin>/<n>
  quantity      numeric not null,
  unit          text not null,
  amount_eur    numeric not null,
  booked_at     timestamptz not null,
  unique (kind, reference, vehicle_id)
);

-- What happened and why, in words for people; the console, the dashboard and "why" read it.
create table journal (
  seq           bigint generated always as identity primary key,
  cell_id       text not null,
  at            timestamptz not null,
  kind          text not null,                 -- domain/journal.ts
  subject       text not null,
  message       text not null,
  reasons       jsonb not null default '[]',
  dedupe_key    text unique                    -- a retried activity writes its line once
);
create index journal_by_cell on journal (cell_id, seq);
