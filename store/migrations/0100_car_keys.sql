-- Keys by which cars' agents prove who they are, at the gateway, the API and the broker. Only the hash is kept.
create table car_keys (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  key_sha256    text not null unique,
  created_real_at timestamptz not null default now()
);

-- Codes that an agent exchanges for its car's key, each once.
create table enrolment_codes (
  code_sha256   text primary key,
  vehicle_id    text not null references vehicles (id) on delete cascade,
  expires_real_at timestamptz not null
);

-- Families of models that the car's computer takes shards of.
alter table vehicles add column model_families text[] not null default '{general}';
