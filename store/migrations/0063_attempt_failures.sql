-- Attempts at a batch's shards that failed, other than by a car that has to leave: how many, and what the last one said.
create table attempt_failures (
  job_id        text primary key references batches (id) on delete cascade,
  failures      integer not null,
  last_message  text not null
);
