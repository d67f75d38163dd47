-- Every change that somebody asked for over HTTP: written before it is made, with what became of it added afterwards.
create table audit_log (
  seq           bigint generated always as identity primary key,
  cell_id       text not null,
  real_at       timestamptz not null default now(),
  actor         text not null,                -- key/<id>, owner/<id>, person/<name>
  tenant_id     text,
  method        text not null,
  path          text not null,
  body          jsonb,                        -- as it was sent, without secrets; null where it was none or too long
  request_id    text not null,
  status        integer                       -- null: nobody knows whether the change was made
);
create index audit_log_by_cell on audit_log (cell_id, seq);
create index audit_log_by_actor on audit_log (cell_id, actor, seq);

create function audit_log_is_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    if old.status is null and new.status is not null and (to_jsonb(old) - 'status') = (to_jsonb(new) - 'status') then
      return new;
    end if;
  end if;
  raise exception 'The audit log is append-only: % is refused.', tg_op using errcode = 'integrity_constraint_violation';
end $$;
create trigger audit_log_append_only before update or delete on audit_log
  for each row execute function audit_log_is_append_only();
create trigger audit_log_never_emptied before truncate on audit_log
  for each statement execute function audit_log_is_append_only();
