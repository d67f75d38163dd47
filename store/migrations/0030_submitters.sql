-- What accepted shards have used, at the region's price and carbon intensity when they were accepted.
create table shard_footprints (
  job_id        text not null references batches (id) on delete cascade,
  shard         integer not null,
  energy_wh     numeric not null,
  gco2          numeric not null,
  cost_eur      numeric not null
);
create index shard_footprints_by_job on shard_footprints (job_id);

-- Those who follow one batch read its lines.
create index journal_by_subject on journal (cell_id, subject, seq);

-- Where events of batches are posted to.
create table webhook_endpoints (
  id            text primary key,
  url           text not null,
  secret        text not null,                -- whsec_ and base64, as the submitter's client gets it
  created_real_at timestamptz not null default now()
);

-- Who submits. A tenant that is not listed has weight 1 and no quota.
create table tenants (
  id            text primary key,
  weight        numeric not null default 1 check (weight between 0.001 and 1000),
  max_open_batches integer,
  max_stored_bytes bigint
);

-- Keys of the API, by hash: the key itself is shown once and kept nowhere.
create table api_keys (
  id            text primary key,
  tenant_id     text not null,
  name          text not null,
  key_sha256    text not null unique,
  scopes        text[] not null,
  requests_per_minute integer not null check (requests_per_minute > 0),
  created_real_at timestamptz not null default now(),
  revoked_real_at timestamptz
);

alter table files add column tenant_id text not null default 'default';
alter table batches add column tenant_id text not null default 'default';
alter table webhook_endpoints add column tenant_id text not null default 'default';
-- Two tenants may choose the same key.
alter table batches drop constraint batches_idempotency_key_key;
alter table batches add constraint batches_idempotency_key_key unique (tenant_id, idempotency_key);
create index files_by_tenant on files (tenant_id, id);
create index batches_by_tenant on batches (tenant_id, id);
