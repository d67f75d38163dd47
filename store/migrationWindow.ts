/**
 * Whether processes of the release before may run on the schema that a migration leaves, and so may be started again on it:
 * it only adds tables, indexes, and columns that whoever does not know of them leaves empty. What it does with tables of its
 * own is no matter. In doubt it says no.
 */
export function onlyAdds(sql: string): boolean {
  const own = new Set<string>();
  return statementsOf(sql).every((statement) => {
    const created = /^create table (?:if not exists )?(\w+)/.exec(statement)?.[1];
    if (created !== undefined) own.add(created);
    const table = /^(?:alter table|create (?:constraint )?trigger .*? on) (?:only )?(\w+)/.exec(statement)?.[1];
    if (created !== undefined || (table !== undefined && own.has(table))) return true;
    if (/^create (?:index|function) /.test(statement)) return true;
    return statement.startsWith('alter table ') && actionsOf(statement).every(addsAnOptionalColumn);
  });
}

/** Without comments and without the bodies of functions, in lower case and single spaces. */
function statementsOf(sql: string): string[] {
  return sql
    .replaceAll(/\$\$[\s\S]*?\$\$/g, "''")
    .replaceAll(/--[^\n]*/g, ' ')
    .toLowerCase()
    .split(';')
    .map((statement) => statement.replaceAll(/\s+/g, ' ').trim())
    .filter((statement) => statement !== '');
}

/** Of `alter table x add column a int, add column b int`. Commas within parentheses are none between actions. */
function actionsOf(statement: string): string[] {
  const actions = statement.replace(/^alter table (?:only )?\w+ /, '');
  return actions.split(/,(?![^(]*\))/).map((action) => action.trim());
}

function addsAnOptionalColumn(action: string): boolean {
  const isOptional = !/ not null/.test(action) || / default /.test(action);
  return action.startsWith('add column ') && isOptional && !/ (?:unique|primary key)/.test(action);
}
