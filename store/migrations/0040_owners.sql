-- Keys by which owners reach their own cars. Only the hash is kept.
create table owner_keys (
  key_sha256    text primary key,
  owner_id      text not null,
  created_real_at timestamptz not null default now()
);

-- Above 0 the owner has set the policy: applying the cell file again leaves it alone.
alter table vehicles add column policy_revision integer not null default 0;

-- Who claims each car now and why (domain/claims.ts), and each change of that.
create table vehicle_claims (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  since         timestamptz not null,         -- of the last transition
  confirmed_at  timestamptz not null,         -- when the figures in the reasons were last true
  condition     jsonb not null,
  reasons       jsonb not null
);
create table vehicle_transitions (
  seq           bigint generated always as identity primary key,
  vehicle_id    text not null references vehicles (id) on delete cascade,
  at            timestamptz not null,
  state         text not null,
  held_by       text not null,
  reasons       jsonb not null
);
create index vehicle_transitions_by_car on vehicle_transitions (vehicle_id, seq desc);
