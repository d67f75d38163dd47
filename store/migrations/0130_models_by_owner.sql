-- Two tenants may each have a model of one name and version, the same public model for example.
alter table models drop constraint models_pkey;
alter table models add constraint models_by_owner unique nulls not distinct (tenant_id, name, version);
