-- What ended stays at a feeder say of how long cars stay there, by which a new car is judged (scheduler/survival.ts).
create table feeder_habits (
  feeder_id text primary key references feeders (id) on delete cascade,
  habit     jsonb not null
);
