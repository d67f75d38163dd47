-- Chargers that connect over OCPP. Each stands on a feeder; the car that it belongs to is at it unless another driver's
-- token says otherwise.
create table charge_points (
  id              text primary key,
  cell_id         text not null references cells (id) on delete cascade,
  feeder_id       text not null references feeders (id) on delete cascade,
  vehicle_id      text unique references vehicles (id) on delete set null,
  phases          integer not null check (phases in (1, 3)),
  max_amps        numeric not null check (max_amps >= 6),
  -- The car's computer draws through this plug, so that its meter sees compute too.
  meters_compute  boolean not null default true,
  -- Tokens by which the car's own drivers identify at the charger; none: everyone is taken for them.
  id_tokens       text[] not null default '{}',
  password_sha256 text not null,
  -- What it said last (charging/ocpp/connector.ts), and what its meter has counted for the car.
  state           jsonb,
  charging_kwh    numeric not null default 0,
  compute_kwh     numeric not null default 0,
  seen_real_at    timestamptz,
  created_real_at timestamptz not null default now()
);
