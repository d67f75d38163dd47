-- Cells beside each other in one namespace share this database.

-- The cell whose API took the batch; null for those of before, which had one cell.
alter table batches add column cell_id text;

-- By region, shards that cars have in hand: they count for the cell of the region.
alter table job_progress add column in_flight_by_region jsonb not null default '{}';

-- What a cell's newest plan says of a job: what a shard more would cost there, and how many more it could take.
create table job_offers (
  job_id        text not null references batches (id) on delete cascade,
  cell_id       text not null references cells (id) on delete cascade,
  slot_start    timestamptz not null,
  eur_per_shard double precision,             -- dual price; null where no car of the cell could compute it
  spare_shards  integer not null,
  late_shards   integer not null,             -- of its share, what its plan does not finish in time
  primary key (job_id, cell_id)
);
create index job_offers_by_cell on job_offers (cell_id);

-- How a job's pending shards are divided among cells. A job without rows here is its own cell's.
create table job_shares (
  job_id        text not null references batches (id) on delete cascade,
  cell_id       text not null references cells (id) on delete cascade,
  shards        integer not null check (shards >= 0),
  moved         integer,                      -- shards that the last look at prices brought (+) or took (-); null before
  primary key (job_id, cell_id)
);

-- Who does what only one process at a time may do.
create table leases (
  name          text primary key,
  holder        text not null,
  until_real_at timestamptz not null
);
