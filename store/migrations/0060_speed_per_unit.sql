-- Speed is per unit of work (domain/workUnits.ts), since a line may be a word or two thousand texts. What was measured
-- per line cannot be converted: it stands for a stated figure until cars are measured anew.
alter table class_speeds rename column device_ms_per_line to stated_ms_per_unit;
alter table class_speeds drop column lines;
-- Of the newest shards, oldest first; their median is the speed.
alter table class_speeds add column measured_ms_per_unit double precision[] not null default '{}';

alter table job_progress add column units_per_line numeric not null default 1;
