-- What each slot's last plan committed on each feeder: what the meter is held against, and which limit bound at what price.
create table feeder_slots (
  feeder_id     text not null references feeders (id) on delete cascade,
  slot_start    timestamptz not null,
  charge_kw     double precision not null,
  compute_kw    double precision not null,
  rent_eur_per_kwh double precision not null,  -- what one more kW of the feeder's limit would have saved; 0: it does not bind
  primary key (feeder_id, slot_start)
);

-- Regions that a key with the scope "grid" sees; null for keys that are not held to regions.
alter table api_keys add column region_ids text[];
