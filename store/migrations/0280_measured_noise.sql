-- How far answers of honest computers were seen apart, for each model by its content; the class is empty for the probe
-- that admitted it, else of cars that the operator trusts.
create table measured_noise (
  model_sha256    text not null,
  hardware_class  text not null default '',
  noise           jsonb not null,
  samples         integer not null,           -- answers that were compared
  real_at         timestamptz not null default now(),
  primary key (model_sha256, hardware_class)
);

-- Cars that the operator trusts: they are not judged by checks, but measured.
alter table vehicles add column trusted boolean not null default false;

-- Checks of generated text: tokens that were read, and those farther off than the tolerance.
alter table share_checks add column tokens integer not null default 0;
alter table share_checks add column divergent integer not null default 0;
