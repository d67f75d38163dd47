-- Whose a model is: null for the operator's, which everyone may use. What was published before stays everyone's.
alter table models add column tenant_id text;
