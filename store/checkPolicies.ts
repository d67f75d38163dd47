import { checkPolicySchema, type CheckPolicy, type CheckScope } from '../domain/trust/checkPolicy.ts';
import type { Queryable } from './database.ts';

export type StoredCheckPolicy = CheckScope & { readonly policy: CheckPolicy };

export async function listCheckPolicies(database: Queryable): Promise<StoredCheckPolicy[]> {
  const stored = await database.query<CheckScope & { readonly policy: unknown }>(
    `select nullif(tenant_id, '') as "tenantId", nullif(model_name, '') as "modelName", policy from check_policies
     order by tenant_id, model_name`,
  );
  // Of versions before, they lack what has a default.
  return stored.map((each) => ({ ...each, policy: checkPolicySchema.parse(each.policy) }));
}

/** Sets the policy of a scope; `null` takes it back. */
export async function setCheckPolicy(
  database: Queryable,
  { tenantId, modelName }: CheckScope,
  policy: CheckPolicy | null,
): Promise<void> {
  const scope = [tenantId ?? '', modelName ?? ''];
  if (policy === null) {
    await database.query('delete from check_policies where tenant_id = $1 and model_name = $2', scope);
    return;
  }
  await database.query(
    `insert into check_policies (tenant_id, model_name, policy) values ($1, $2, $3)
     on conflict (tenant_id, model_name) do update set policy = excluded.policy`,
    [...scope, JSON.stringify(policy)],
  );
}
