-- A charger may have several plugs, each with its own car, feeder and meter; what they share is the charger's line.
create table charger_plugs (
  charge_point_id text not null references charge_points (id) on delete cascade,
  -- Connector of OCPP 1.6, EVSE of 2.0.1.
  plug            integer not null check (plug between 1 and 99),
  feeder_id       text not null references feeders (id) on delete cascade,
  -- The car that is at it unless a token says otherwise; null: any car, each of them unknown.
  vehicle_id      text unique references vehicles (id) on delete set null,
  phases          integer not null check (phases in (1, 3)),
  max_amps        numeric not null check (max_amps >= 6),
  -- The car's computer draws through this plug, so that its meter sees compute too.
  meters_compute  boolean not null default true,
  -- Tokens by which the car's own drivers identify at the charger; none: everyone is taken for them.
  id_tokens       text[] not null default '{}',
  -- What was said of it last (charging/chargerBridge.ts), and what its meter has counted for the car.
  state           jsonb,
  charging_kwh    numeric not null default 0,
  compute_kwh     numeric not null default 0,
  seen_real_at    timestamptz,
  primary key (charge_point_id, plug)
);
insert into charger_plugs (charge_point_id, plug, feeder_id, vehicle_id, phases, max_amps, meters_compute, id_tokens,
  state, charging_kwh, compute_kwh, seen_real_at)
select id, 1, feeder_id, vehicle_id, phases, max_amps, meters_compute, id_tokens, state, charging_kwh, compute_kwh,
  seen_real_at from charge_points;
alter table charge_points drop column feeder_id, drop column vehicle_id, drop column phases, drop column max_amps,
  drop column meters_compute, drop column id_tokens, drop column state, drop column charging_kwh,
  drop column compute_kwh, drop column seen_real_at;
