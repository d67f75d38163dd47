-- Keys that end by themselves: those of people who signed in, and those that another has taken the place of.
alter table api_keys add column expires_real_at timestamptz;
alter table api_keys add column person text;   -- who signed in to get it; null for keys that were made
