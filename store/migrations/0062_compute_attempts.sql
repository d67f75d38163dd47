-- When a car was handed a shard and when it stored the last receipt of it (grid time), as gateway and API saw it: what it
-- can have computed, whatever it claims. Paid figures are of all attempts of the car at the shard together.
create table compute_attempts (
  vehicle_id     text not null references vehicles (id) on delete cascade,
  job_id         text not null,
  shard          integer not null,
  handed_out_at  timestamptz not null,
  stored_until   timestamptz not null,
  paid_ms        double precision not null default 0,
  paid_wh        double precision not null default 0,
  primary key (vehicle_id, job_id, shard, handed_out_at)
);
create index compute_attempts_by_time on compute_attempts (vehicle_id, stored_until);

-- Its mark took no account of when the car had a shard.
drop table paid_device_time;
