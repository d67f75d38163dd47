-- When the server last showed the event: one that it still shows is kept however long it is over, or it would be taken
-- for a new one.
alter table openadr_events add column listed_at timestamptz not null default now();

-- What an ended batch came to, once the rows of its shards are gone.
create table batch_totals (
  batch_id      text primary key references batches (id) on delete cascade,
  input_tokens  bigint not null,
  output_tokens bigint not null,
  energy_wh     numeric not null,
  gco2          numeric not null,
  cost_eur      numeric not null,
  unpriced_wh   numeric not null,
  folded_real_at timestamptz not null default now()
);
