import { expect, test } from 'vitest';

import { onlyAdds } from '../../store/migrationWindow.ts';

test.each([
  'create table a (id text primary key, n integer not null check (n > 0));',
  'alter table a add column b text;',
  'alter table a add column b integer not null default 0, add column c numeric(10, 2);',
  "create table a (id text); alter table a add constraint c check (id <> ''); create index on a (id);",
  '-- drop table b;\ncreate table a (id text);',
  'create function f() returns trigger as $$ begin drop table b; end $$; create table a (x int); create trigger t before delete on a for each row execute function f();',
])('only adds: %s', (sql) => {
  expect(onlyAdds(sql)).toBe(true);
});

test.each([
  'drop table a;',
  'alter table a drop column b;',
  'alter table a rename column b to c;',
  'alter table a add column b text not null;',
  'alter table a add column b text unique;',
  'alter table a add column b text, drop column c;',
  'alter table a alter column b type bigint;',
  'alter table a add constraint c check (b > 0);',
  'create unique index on a (b);',
  'create table b (id text); update a set x = 1;',
  'create trigger t before insert on a for each row execute function f();',
  'insert into a values (1);',
])('does more: %s', (sql) => {
  expect(onlyAdds(sql)).toBe(false);
});
