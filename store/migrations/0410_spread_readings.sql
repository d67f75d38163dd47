-- Between which readings the energy of a slot was drawn: it is shared out over the slots between them, so that energy of one
-- may stand in another. Null of slots that were counted before.
alter table meter_intervals add column read_from timestamptz;
alter table meter_intervals add column read_until timestamptz;
-- From when on the registers are counted; null of cars that were counted before this was kept.
alter table meter_registers add column read_since timestamptz;
