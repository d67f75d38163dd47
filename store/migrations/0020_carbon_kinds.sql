-- Marginal carbon is a series of its own: it must never be averaged with, or compared to, average intensity.
alter table signals drop constraint signals_kind_check;
alter table signals add constraint signals_kind_check
  check (kind in ('price', 'carbon', 'marginal_carbon', 'temperature', 'import_limit', 'house_load'));
-- Which source counts where several say something: the lowest number, then the one read last.
alter table signals add column priority smallint not null default 100;
-- The source calls it an estimate of the past, not a measurement.
alter table signals add column estimated boolean not null default false;
