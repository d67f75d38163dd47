-- Where plugs are, as a circle (domain/site.ts): a car that is plugged in elsewhere is on nobody's feeder here. Cars' own
-- positions are not stored, only whether they are at their site.
alter table feeders add column site jsonb;
-- Of the car's own plug; null: as its feeder.
alter table vehicles add column site jsonb;
