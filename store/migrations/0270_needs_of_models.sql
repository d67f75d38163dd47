-- What a model needs is kept with the model: one that fits no class has no speed to keep it with, and the class with
-- room for it may come later.
alter table models add column memory_mb integer;
alter table models add column probed_ms_per_unit double precision;
update models m set memory_mb = s.memory_mb, probed_ms_per_unit = s.ms_per_unit
from (
  select model_name, model_version, max(model_memory_mb) as memory_mb, max(stated_ms_per_unit) as ms_per_unit
  from class_speeds group by model_name, model_version
) s
where m.name = s.model_name and m.version = s.model_version;
alter table class_speeds drop column model_memory_mb;
