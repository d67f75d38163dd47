-- Training on data that cars have and keep (docs/training.md).

-- The cars of a round that is open: each takes its part from queues of its own, since no other car has its data.
create table training_cars (
  id            bigint generated always as identity primary key,
  run_id        text not null references training_runs (id) on delete cascade,
  round         integer not null,
  vehicle_id    text not null references vehicles (id) on delete cascade,
  base_family   text not null,
  unique (run_id, round, vehicle_id)
);
create index training_cars_by_vehicle on training_cars (vehicle_id);

-- What each car was asked for in a round, as a batch.
create table training_phases (
  run_id        text not null references training_runs (id) on delete cascade,
  round         integer not null,
  attempt       integer not null,
  place         integer not null,             -- of the phase in the round, from 0
  kind          text not null,                -- domain/ownData.ts, OwnPhaseKind
  vehicle_id    text not null,
  batch_id      text not null,
  primary key (run_id, round, attempt, place, vehicle_id)
);

-- None where cars train on their own.
alter table training_runs alter column train_file_id drop not null;
-- Rounds that have added noise: what was told stays told when they are taken back.
alter table training_runs add column private_rounds integer not null default 0;
update training_runs t set private_rounds =
  (select count(*) from training_rounds r where r.run_id = t.id and r.epsilon is not null);
