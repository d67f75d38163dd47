-- An owner or a submitter says that a booking is wrong. While it is open, what they get of it is not paid out, and what they
-- owe of it is not billed.
create table disputes (
  id            text primary key,
  booking_key   text not null references ledger_bookings (key),
  opened_by     text not null,                -- the account: owner/<id> or tenant/<id>
  words         text not null,
  opened_at     timestamptz not null,
  was_billed    boolean not null,             -- it stood on an invoice by then: nothing is to be held
  status        text not null check (status in ('open', 'upheld', 'rejected')),
  answer        text,
  resolved_by   text,
  resolved_at   timestamptz
);
create unique index one_open_dispute on disputes (booking_key, opened_by) where status = 'open';
