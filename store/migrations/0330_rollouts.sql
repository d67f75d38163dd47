-- Which version of an operator's model answers requests that name none, and the one that is being rolled out.
create table model_latest (
  name          text primary key,
  version       text not null,
  next_version  text,
  -- Share of the tenants that the next version answers already; each tenant has a fixed place between 0 and 1.
  next_share    double precision not null default 0
);
insert into model_latest (name, version)
  select distinct on (name) name, version from models where tenant_id is null
  order by name, added_real_at desc, version desc;

-- Tenants that stay on a version, whatever is rolled out.
create table model_pins (
  tenant_id     text not null,
  name          text not null,
  version       text not null,
  primary key (tenant_id, name)
);

create table model_rollouts (
  id            bigint generated always as identity primary key,
  cell_id       text not null references cells (id) on delete cascade,
  name          text not null,
  version       text not null,
  previous_version text not null,
  -- Names the queues of just the cars that have been given the version.
  family        text not null unique,
  base_family   text not null,
  spec          jsonb not null,
  status        jsonb not null,
  started_at    timestamptz not null,
  decided_at    timestamptz,
  drained_at    timestamptz
);
create unique index model_rollouts_one_at_a_time on model_rollouts (name) where decided_at is null;

-- Cars that have been drawn for a roll-out: they take its shards too, until it is over and nothing of it runs.
create table rollout_cars (
  rollout_id    bigint not null references model_rollouts (id) on delete cascade,
  vehicle_id    text not null references vehicles (id) on delete cascade,
  wave          integer not null,
  primary key (rollout_id, vehicle_id)
);
create index rollout_cars_by_vehicle on rollout_cars (vehicle_id);

-- What cars are to fetch, and when; grid time.
create table model_orders (
  vehicle_id    text not null references vehicles (id) on delete cascade,
  name          text not null,
  version       text not null,
  sha256        text not null,
  bytes         bigint not null,
  reason        text not null,
  from_at       timestamptz not null,
  until_at      timestamptz not null,
  primary key (vehicle_id, name, version, sha256)
);

-- What cars say that they have fetched: a hint, since a car makes room as it needs it.
create table car_models (
  vehicle_id    text not null references vehicles (id) on delete cascade,
  name          text not null,
  version       text not null,
  sha256        text not null,
  bytes         bigint not null,
  -- Real seconds that fetching it took; 0 when it was there already.
  seconds       double precision not null,
  fetched_at    timestamptz not null,
  primary key (vehicle_id, name, version, sha256)
);

-- Cars that have a retained order at the broker.
create table published_model_orders (
  vehicle_id    text primary key references vehicles (id) on delete cascade
);
