-- How answers are checked, for a tenant and a model; an empty text stands for all of them.
create table check_policies (
  tenant_id   text not null default '',
  model_name  text not null default '',
  policy      jsonb not null,
  primary key (tenant_id, model_name)
);

-- What a car's checks have come to, by model family and class of its computer.
create table car_reputations (
  vehicle_id      text not null references vehicles (id) on delete cascade,
  model_family    text not null,
  hardware_class  text not null,
  reputation      jsonb not null,
  primary key (vehicle_id, model_family, hardware_class)
);

-- Checks of what a car answered of a shard; share_sha256 is of its receipts: the same answers are checked once.
create table share_checks (
  job_id        text not null,
  shard         integer not null,
  vehicle_id    text not null references vehicles (id) on delete cascade,
  share_sha256  text not null,
  lines         integer not null,             -- that the car answered
  checked       integer not null,             -- of those, run again
  differing     integer not null,             -- of those, other than the tolerance allows
  verdict       text not null check (verdict in ('valid', 'suspect', 'guilty')),
  at            timestamptz not null,
  primary key (job_id, shard, vehicle_id, share_sha256)
);
create index share_checks_by_car on share_checks (vehicle_id, at);

-- Lines whose trusted answer stands in the place of a car's: a part of its own, named after no car.
create table line_corrections (
  job_id   text not null,
  shard    integer not null,
  line     integer not null,
  sha256   text not null,
  primary key (job_id, shard, line)
);

-- Cars that get no work, since what they answered is not what the model says. Ended by the operator alone.
create table quarantines (
  quarantine_id  bigint generated always as identity primary key,
  vehicle_id     text not null references vehicles (id) on delete cascade,
  since          timestamptz not null,
  reason         text not null,
  evidence       jsonb not null,
  appeal         text,                        -- what its owner says to it
  appealed_at    timestamptz,
  ended_at       timestamptz,
  resolution     text                         -- what the operator says to the appeal
);
create unique index quarantine_of_car on quarantines (vehicle_id) where ended_at is null;

-- Accepted shards in which a quarantined car had part, and of which lines; done once they are answered by others.
create table recalled_shards (
  quarantine_id  bigint not null references quarantines (quarantine_id) on delete cascade,
  job_id         text not null,
  shard          integer not null,
  vehicle_id     text not null,
  ranges         jsonb not null,
  done           boolean not null default false,
  primary key (quarantine_id, job_id, shard)
);
create index recalled_shards_by_job on recalled_shards (job_id) where not done;
create index accepted_shards_by_car on accepted_shards using gin (parts jsonb_path_ops);

-- Output files that were written anew after their batch had ended.
create table batch_corrections (
  batch_id      text not null references batches (id) on delete cascade,
  correction    integer not null,             -- from 1
  lines         integer not null,
  reason        text not null,
  real_at       timestamptz not null default now(),
  primary key (batch_id, correction)
);
