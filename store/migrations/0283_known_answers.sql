-- What a trusted computer has answered to requests of canary batches, so that it need not answer them again.
create table known_answers (
  model_sha256    text not null,
  request_sha256  text not null,               -- of the body, as JSON
  answer          jsonb not null,              -- status and body
  real_at         timestamptz not null default now(),
  primary key (model_sha256, request_sha256)
);
