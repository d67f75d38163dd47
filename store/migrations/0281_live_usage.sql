-- Requests that were answered at once, by hour of grid time; what they cost is in the ledger.
create table live_usage (
  tenant_id      text not null,
  model          text not null,
  endpoint       text not null,               -- completions, embeddings, moderations, other
  hour           timestamptz not null,
  requests       bigint not null,
  input_tokens   bigint not null,
  output_tokens  bigint not null,
  primary key (tenant_id, hour, model, endpoint)
);
