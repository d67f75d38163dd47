-- Hours of grid time in which a car was heard of: a state or a meter reading of its own. Availability is paid for these.
create table heard_hours (
  vehicle_id  text not null references vehicles (id) on delete cascade,
  hour        timestamptz not null,
  primary key (vehicle_id, hour)
);
