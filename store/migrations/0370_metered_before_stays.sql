-- What the meter had counted in the slot of a stay's arrival before the car came: that is of the stay before it. kWh.
alter table parking_sessions add column charging_kwh_before numeric not null default 0;
alter table parking_sessions add column compute_kwh_before numeric not null default 0;
