-- Shards whose answers have passed verification; what was done to get there.
create table accepted_shards (
  job_id        text not null references batches (id) on delete cascade,
  shard         integer not null,
  completed     integer not null,             -- lines answered with status 200
  failed        integer not null,             -- lines answered with an error
  handovers     integer not null,
  redone_lines  integer not null,
  primary key (job_id, shard)
);

-- Measured time per line, in grid time at full power: what shards are sized and planned by.
create table class_speeds (
  model_name    text not null,
  model_version text not null,
  hardware_class text not null,
  device_ms_per_line numeric not null check (device_ms_per_line > 0),
  lines         integer not null,             -- measured on; 0 for a stated figure
  primary key (model_name, model_version, hardware_class)
);
