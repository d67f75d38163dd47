-- What a feeder is supplied with: limits in A and kVA are converted by it. The defaults are those of domain/feederSupply.ts.
alter table feeders
  add column phase_voltage_v numeric not null default 230,
  add column phases          integer not null default 3,
  add column power_factor    numeric not null default 0.95;

alter table openadr_connections
  add column registered jsonb,                -- domain/openAdr.ts: what the server last knew us as, and granted
  add column notified_at timestamptz,         -- grid time of the last notification at our callback
  add column removing boolean not null default false; -- what we made at the server is to be removed before the row

alter table openadr_events
  -- payloads that cannot be followed, each with its reason; the others of the event are
  add column refused_payloads text[] not null default '{}',
  -- cancelled by the utility with an update, not by a deletion
  add column cancelled boolean not null default false,
  -- the last version of which everything could be followed: it holds on where this one cannot
  add column version_before jsonb;
