-- The parts that a shard's answers were accepted from, in the order in which they count: [{start, end, sha256}]. What is
-- delivered is read from just these bytes, whatever was stored later. Null for shards that were accepted before this:
-- they are verified again when their batch ends.
alter table accepted_shards add column parts jsonb;

-- Until when (grid time) a car's device time has been paid: it computes one shard at a time, whatever it claims.
create table paid_device_time (
  vehicle_id  text primary key references vehicles (id) on delete cascade,
  paid_until  timestamptz not null
);
