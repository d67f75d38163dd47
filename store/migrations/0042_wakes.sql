-- Wake-ups that were asked for and not yet seen to work.
create table vehicle_wakes (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  requested_at  timestamptz,                  -- null: none is under way
  failures      integer not null default 0,   -- in a row
  retry_at      timestamptz                   -- not asked again before
);
