-- Who bills and who is billed: name, address, tax number and rate. holder is operator or tenant/<id>.
create table billing_profiles (
  holder        text primary key,
  profile       jsonb not null                -- api/wire/invoices.ts
);

-- Issued once for each tenant, month and currency, and never changed: corrections stand on a later one.
create table invoices (
  number        bigint generated always as identity primary key,
  tenant_id     text not null,
  period        text not null,                -- 2026-01
  currency      text not null,
  body          jsonb not null,
  issued_real_at timestamptz not null default now(),
  unique (tenant_id, period, currency)
);
