-- The ledger in double entry: whole micro-units per currency, every booking 0 in sum, nothing ever changed or removed.
-- What was wrong is taken back by a counter-booking that names what it corrects.
create table ledger_bookings (
  booking_id    bigint generated always as identity primary key,
  key           text not null unique,          -- what happened; whoever says it again books nothing
  kind          text not null,                 -- domain/ledger.ts
  booked_at     timestamptz not null,
  reference     text not null,                 -- job/<id>/shard/<n>, session/<vehicle>/<n>, payout/<id>
  vehicle_id    text,
  region_id     text,
  tenant_id     text,
  batch_id      text,
  model         text,
  corrects      text references ledger_bookings (key),
  reason        text,
  booked_by     xid8 not null default pg_current_xact_id()
);
create index ledger_bookings_by_reference on ledger_bookings (reference);
create index ledger_bookings_by_vehicle on ledger_bookings (vehicle_id, booked_at) where vehicle_id is not null;
create index ledger_bookings_by_batch on ledger_bookings (batch_id) where batch_id is not null;
create index ledger_bookings_by_time on ledger_bookings (booked_at);
create index ledger_bookings_by_correction on ledger_bookings (corrects) where corrects is not null;

create table ledger_entries (
  entry_id      bigint generated always as identity primary key,
  booking_id    bigint not null references ledger_bookings (booking_id),
  account       text not null,                 -- domain/ledger.ts: tenant/<id>, owner/<id>, margin, …
  currency      text not null check (currency ~ '^[A-Z]{3}$'),
  amount_micros bigint not null,               -- above 0: the holder has it to get; below 0: the holder owes it
  item          text not null,
  quantity_millionths bigint,
  unit          text,
  unit_price_micros bigint
);
create index ledger_entries_by_booking on ledger_entries (booking_id);
create index ledger_entries_by_account on ledger_entries (account, currency) include (amount_micros, booking_id);

create function ledger_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'The ledger is append-only: % of % is refused. Correct by a counter-booking.', tg_op, tg_table_name
    using errcode = 'integrity_constraint_violation';
end $$;

-- At commit: the entries of a booking are written with it, in one transaction, and are 0 in sum per currency.
create function ledger_booking_balances() returns trigger language plpgsql as $$
declare
  booking ledger_bookings%rowtype;
  entries integer;
  wrong text;
begin
  select * into booking from ledger_bookings where booking_id = new.booking_id;
  if booking.booked_by <> pg_current_xact_id() then
    raise exception 'Booking % is closed: entries are written together with it.', booking.key
      using errcode = 'integrity_constraint_violation';
  end if;
  select count(*) into entries from ledger_entries where booking_id = new.booking_id;
  select string_agg(currency || ' ' || sum, ', ') into wrong from (
    select currency, sum(amount_micros) from ledger_entries where booking_id = new.booking_id
    group by currency having sum(amount_micros) <> 0) off;
  if entries < 2 or wrong is not null then
    raise exception 'Booking % does not balance: % entries, off by %.', booking.key, entries, coalesce(wrong, 'nothing')
      using errcode = 'integrity_constraint_violation';
  end if;
  return null;
end $$;

create constraint trigger ledger_balances after insert on ledger_bookings
  deferrable initially deferred for each row execute function ledger_booking_balances();
create constraint trigger ledger_balances after insert on ledger_entries
  deferrable initially deferred for each row execute function ledger_booking_balances();
create trigger ledger_append_only before update or delete or truncate on ledger_bookings
  for each statement execute function ledger_is_append_only();
create trigger ledger_append_only before update or delete or truncate on ledger_entries
  for each statement execute function ledger_is_append_only();

-- Balances carried forward: what owners have earned so far was charged to nobody, so the margin bears it.
insert into ledger_bookings (key, kind, booked_at, reference, vehicle_id, batch_id, reason)
select kind || '/' || reference || '/' || vehicle_id, kind, booked_at, reference, vehicle_id,
  substring(reference from '^job/([^/]+)/shard/'), 'carried forward from the one-sided ledger'
from ledger order by entry_id;
insert into ledger_entries (booking_id, account, currency, amount_micros, item, quantity_millionths, unit)
select b.booking_id, 'owner/' || l.owner_id, 'EUR', round(l.amount_eur * 1000000)::bigint,
  case l.kind when 'compute' then 'work' else 'availability' end, round(l.quantity * 1000000)::bigint, l.unit
from ledger l join ledger_bookings b on b.key = l.kind || '/' || l.reference || '/' || l.vehicle_id;
insert into ledger_entries (booking_id, account, currency, amount_micros, item)
select booking_id, 'margin', currency, -amount_micros, 'margin' from ledger_entries where account like 'owner/%';
drop table ledger;
