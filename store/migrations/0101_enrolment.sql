-- The inference computers that cars and site nodes carry (domain/hardwareClasses.ts). Operators add their own.
create table hardware_classes (
  id            text primary key,
  chip_kw       numeric not null check (chip_kw > 0),     -- the computer alone, at full speed
  awake_kw      numeric not null check (awake_kw >= 0),   -- what it takes to be ready, charged to compute
  cooling       text not null check (cooling in ('car_loop', 'included')),
  providers     text[] not null,                          -- execution providers of ONNX Runtime
  probe_gflops  numeric check (probe_gflops > 0),         -- what the agent's probe measures on it; null: not known
  source        text not null,
  assumed       boolean not null default false
);
insert into hardware_classes (id, chip_kw, awake_kw, cooling, providers, source, assumed) values
  ('hw3', 0.072, 0.25, 'car_loop', '{cpu}', 'published: two chips of 36 W', false),
  ('ai4', 0.16, 0.25, 'car_loop', '{cpu}', 'unverified report', true),
  ('ai5', 0.8, 0.25, 'car_loop', '{cpu}', 'unverified announcement', true);

-- A site node is a computer at a charging site: always awake, without a battery, on the feeder of the cars beside it.
alter table vehicles add column kind text not null default 'car' check (kind in ('car', 'site_node'));
-- Above 0 the car was enrolled or changed at run time: applying the cell file again leaves it alone.
alter table vehicles add column enrolment_revision integer not null default 0;

-- Cars that were removed at run time: the cell file does not bring them back.
create table removed_vehicles (
  id            text primary key,
  cell_id       text not null references cells (id) on delete cascade,
  removed_real_at timestamptz not null default now()
);

-- What agents' probes measured last (domain/probes.ts).
create table car_probes (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  gflops        numeric not null,
  watts         numeric,                                  -- null: its power is not metered
  provider      text not null,
  measured_real_at timestamptz not null default now()
);
