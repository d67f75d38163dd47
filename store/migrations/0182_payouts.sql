-- Which stay work was done in: what is accepted after the car left belongs to the stay all the same.
set constraints all immediate;
set constraints all deferred;
alter table ledger_bookings add column stay integer;

-- Where money goes to and comes from, sealed: holder is an owner, or the operator's own account by currency.
create table bank_accounts (
  holder        text primary key,             -- owner/<id>, operator/<currency>
  sealed        text not null,                -- name, IBAN, BIC
  shown         text not null,                -- the last four characters of the IBAN
  updated_real_at timestamptz not null default now()
);

-- A payout run is proposed with one key and confirmed with another; what it orders is booked then.
create table payout_runs (
  id            text primary key,
  currency      text not null,
  min_micros    bigint not null,
  execution_date date not null,
  status        text not null check (status in ('proposed', 'confirmed', 'dropped')),
  proposed_by   text not null,
  confirmed_by  text check (confirmed_by <> proposed_by),
  created_real_at timestamptz not null default now(),
  confirmed_real_at timestamptz
);
-- Two runs of one currency at once would pay the same balances.
create unique index one_proposed_run on payout_runs (currency) where status = 'proposed';

create table payouts (
  id            text primary key,             -- the end-to-end id that the bank hands through, 35 characters at most
  run_id        text not null references payout_runs (id),
  owner_id      text not null,
  currency      text not null,
  amount_micros bigint not null check (amount_micros > 0),
  status        text not null check (status in ('proposed', 'ordered', 'paid', 'returned', 'dropped')),
  reason        text,
  settled_on    date,
  unique (run_id, owner_id)
);
