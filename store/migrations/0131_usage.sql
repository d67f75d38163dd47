-- Tokens that a shard's answers say they took, for the usage of its batch.
alter table accepted_shards add column input_tokens bigint not null default 0;
alter table accepted_shards add column output_tokens bigint not null default 0;
