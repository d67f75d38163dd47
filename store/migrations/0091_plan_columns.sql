-- Cars of a problem and of a plan, packed by column (store/packedRecords.ts). Null in plans that have them in their JSON.
alter table plans add column problem_cars bytea, add column plan_cars bytea;
-- Packed already: PostgreSQL would try in vain to make them smaller.
alter table plans alter column problem_cars set storage external, alter column plan_cars set storage external;
