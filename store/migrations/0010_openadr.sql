-- Utilities' OpenADR servers that this cell follows.
create table openadr_connections (
  id            text primary key,
  region_id     text not null references regions (id) on delete cascade,
  settings      jsonb not null,               -- domain/openAdr.ts
  sealed        text not null,                -- credentials and callback token, sealed (store/seal.ts)
  status        jsonb,                        -- domain/openAdr.ts: how the last synchronisation went
  created_real_at timestamptz not null default now()
);

-- Events as they were received, also after they have ended or were taken back.
create table openadr_events (
  connection_id text not null references openadr_connections (id) on delete cascade,
  event_id      text not null,
  body          jsonb not null,               -- as the server sent it
  program       jsonb not null,               -- the program's payload descriptors at that time
  first_seen_at timestamptz not null,
  anchored_at   timestamptz not null,         -- first receipt of this version: what its "now" means
  reference_kw  numeric,                      -- load before receipt: what relative setpoints are relative to
  feeder_ids    text[] not null,              -- those that it reaches
  starts_at     timestamptz,                  -- null for an event that takes no time
  ends_at       timestamptz,                  -- null for one without an end
  gone_at       timestamptz,                  -- taken back by the utility
  refused       text,                         -- why it cannot be followed
  measured      jsonb,                        -- measurement and verification (domain/openAdr.ts)
  primary key (connection_id, event_id)
);

-- Reports that went back. The name is ours and unique, so that a retry never makes a second report.
create table openadr_reports (
  connection_id text not null,
  event_id      text not null,
  report_name   text not null,
  window_ends_at timestamptz not null,
  body          jsonb not null,
  vtn_report_id text,                         -- null while nobody knows whether the server has it
  sent_at       timestamptz,                  -- grid time
  primary key (connection_id, report_name),
  foreign key (connection_id, event_id) references openadr_events on delete cascade
);
create index openadr_reports_by_event on openadr_reports (connection_id, event_id);
