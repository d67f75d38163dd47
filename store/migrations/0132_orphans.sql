-- Objects that nothing names, since when: they go when that stays so.
create table orphaned_objects (
  object_key   text primary key,
  seen_real_at timestamptz not null default now()
);
