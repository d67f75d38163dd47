-- Federated training (domain/training.ts, TrainingPlan). A round is a batch of its own: its shards, cars and money are
-- those of the batch.
create table training_runs (
  id             text primary key,
  tenant_id      text not null,
  cell_id        text not null,
  name           text not null,
  model_name     text not null,
  model_version  text not null,
  plan           jsonb not null,
  train_file_id  text not null,
  test_file_id   text,
  state          text not null,
  message        text not null default '',    -- why it waits, or how it ended
  attempt        integer not null default 1,  -- counts up when rounds are taken back, so that they get batches of their own
  created_real_at timestamptz not null default now()
);
create index training_runs_by_tenant on training_runs (tenant_id, created_real_at desc);

create table training_rounds (
  run_id         text not null references training_runs (id) on delete cascade,
  round          integer not null,            -- from 1; 0 is what the run begins with
  attempt        integer not null,
  base_version   integer not null,            -- of the weights that its clients began with
  version        integer,                     -- of the weights that it made: rounds are numbered as they close; null until then
  batch_id       text,
  clients        integer not null,            -- sampled
  updates        integer,                     -- that count; null while it is under way
  partial        integer not null default 0,  -- of those, with fewer steps than were asked for
  handovers      integer not null default 0,  -- times that another car went on with a client
  examples       bigint not null default 0,
  steps          bigint not null default 0,
  train_loss     double precision,
  test_loss      double precision,
  test_accuracy  double precision,
  epsilon        double precision,
  weights_sha256 text,
  bytes_down     bigint not null default 0,   -- weights and examples that cars were given
  bytes_up       bigint not null default 0,   -- updates
  energy_wh      double precision not null default 0,
  gco2           double precision not null default 0,
  opened_at      timestamptz not null,        -- grid time
  closed_at      timestamptz,
  primary key (run_id, round)
);
