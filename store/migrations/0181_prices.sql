-- Checks what 0180 has booked, where both run in one transaction: a table with checks pending cannot be altered.
set constraints all immediate;
set constraints all deferred;

-- What an operator asks and pays, from a time on. The newest version that is valid counts; version 0 is in the code.
create table price_books (
  version       bigint generated always as identity primary key,
  valid_from    timestamptz not null,
  book          jsonb not null,               -- domain/priceBook.ts, as it was written
  set_by        text not null,                -- id of the key, or the cell file
  created_real_at timestamptz not null default now()
);
create index price_books_by_time on price_books (valid_from desc, version desc);

-- Currency that a tenant is charged in (null: the price book's), and how far its balance may fall below 0 (null: any).
alter table tenants add column currency text check (currency ~ '^[A-Z]{3}$');
alter table tenants add column credit_limit_micros bigint check (credit_limit_micros >= 0);

-- A price that is kept or undercut for the batch of the same input, priority, regions and deadline or a later one.
create table quotes (
  id            text primary key,
  tenant_id     text not null,
  input_file_id text not null,
  endpoint      text not null,
  priority      integer,
  region_ids    text[],
  deadline      timestamptz not null,
  currency      text not null,
  price_micros  bigint not null,
  price_book    bigint not null,
  expires_at    timestamptz not null,
  created_real_at timestamptz not null default now()
);

-- What a batch is priced by, from its submission on.
create table batch_terms (
  batch_id      text primary key references batches (id) on delete cascade,
  price_book    bigint not null,
  currency      text not null,
  estimate_micros bigint,                      -- what was expected of it; null: nobody asked
  cap_micros    bigint,                        -- it never costs more: the quote's price, or the submitter's grid.max_cost
  quote_id      text references quotes (id)
);

alter table ledger_bookings add column price_book bigint;

-- Null: nobody knew the price or the carbon intensity of the region.
alter table shard_footprints alter column cost_eur drop not null;
alter table shard_footprints alter column gco2 drop not null;
