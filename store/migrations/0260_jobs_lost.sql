-- How often the batch's job was started anew because its workflow was gone (ended by hand, or lost with its server).
alter table batches add column job_losses integer not null default 0;
