-- Which feeders are shedding, as their cars were told.
create table sheds (
  feeder_id     text primary key references feeders (id) on delete cascade,
  issued_at     timestamptz not null,
  starts_at     timestamptz not null,
  ends_at       timestamptz not null
);
