-- What each car's ended stays say of how long it stays (scheduler/survival.ts).
create table vehicle_habits (
  vehicle_id    text primary key references vehicles (id) on delete cascade,
  habit         jsonb not null,
  learned_stay  integer not null              -- a retried activity learns a stay once
);
