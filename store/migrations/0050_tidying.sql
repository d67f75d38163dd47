-- What an ended batch worked with (slices, parts, receipts) is removed from the object store once, a day later.
alter table batches add column work_removed_real_at timestamptz;
create index batches_with_work on batches (created_real_at) where work_removed_real_at is null;
create index files_by_expiry on files (expires_real_at) where expires_real_at is not null;
