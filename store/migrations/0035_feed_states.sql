-- How reading each feed of a region went: what operators see of ages and failures.
create table feed_states (
  region_id      text not null references regions (id) on delete cascade,
  feed           text not null,
  read_at        timestamptz,                 -- grid time of the last reading that worked
  failing_since  timestamptz,                 -- grid time of the first that did not since then; null while it works
  failure        text,
  failures       integer not null default 0,  -- in a row
  primary key (region_id, feed)
);

-- What the region's last refresh came to (RegionSummary), for those who ask without Temporal.
alter table regions add column summary jsonb;
