-- How often charging was started and stopped in each car's present stay: more than a few make some cars refuse.
create table charge_cycles (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  stay          integer not null,
  starts        integer not null,
  charging      boolean not null,
  changed_at    timestamptz not null
);
