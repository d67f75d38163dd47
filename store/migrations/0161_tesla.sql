-- Owners' accounts at Tesla's Fleet API. Their tokens are sealed (charging/tesla/tokenKeeper.ts); a refresh token is good
-- for one exchange, so that what stands here is written with each.
create table tesla_accounts (
  id              text primary key,
  cell_id         text not null references cells (id) on delete cascade,
  sealed          text not null,
  linked_real_at  timestamptz not null default now()
);

-- Cars that are told what to draw by commands of the Fleet API.
create table tesla_cars (
  vehicle_id      text primary key references vehicles (id) on delete cascade,
  account_id      text not null references tesla_accounts (id) on delete cascade,
  -- Of the plug at its home.
  phases          integer not null check (phases in (1, 3)),
  max_amps        numeric not null check (max_amps >= 6),
  meters_compute  boolean not null,
  -- What it was told, its meter, what it has cost, and what is wrong (charging/tesla/carCommander.ts).
  state           jsonb
);
