-- What each quarter hour of a car's meter was paid for as compute: no energy is paid twice.
create table paid_compute (
  vehicle_id  text not null references vehicles (id) on delete cascade,
  slot_start  timestamptz not null,           -- grid time
  paid_wh     double precision not null,
  primary key (vehicle_id, slot_start)
);
