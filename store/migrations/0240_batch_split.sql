-- How a batch was cut into shards (domain/workflows/inferenceJob.ts, SplitBatch), so that a job that is started anew
-- cuts it the same way: what was accepted is known by shard number. Null until it is cut, and for batches of before.
alter table batches add column split jsonb;
