-- What the answers of a shard say that they read and wrote; 0 where a model's answers count no tokens.
alter table accepted_shards
  add column input_tokens bigint not null default 0,
  add column output_tokens bigint not null default 0;
