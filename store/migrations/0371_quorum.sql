-- How many cars the quoted batch asks to answer each line.
alter table quotes add column quorum integer not null default 1;
