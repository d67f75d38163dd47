-- Signed releases of the agent. What was published under a version never changes.
create table agent_releases (
  version       integer primary key,
  name          text not null,
  expires_real_at timestamptz not null,
  files         integer not null,
  bytes         bigint not null,
  -- The text that was signed, and who signed it, as agents get it.
  manifest      text not null,
  signatures    jsonb not null,
  -- Every file is stored.
  published     boolean not null default false,
  added_real_at timestamptz not null default now()
);

-- Cars that a roll-out has told to use a release.
create table agent_orders (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  version       integer not null,
  ordered_real_at timestamptz not null default now()
);

-- What agents say that they run, and which releases did not do.
create table car_agents (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  version       integer not null,
  failed        integer[] not null default '{}',
  refused       integer,
  told_real_at  timestamptz not null
);
