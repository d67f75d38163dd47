import { isApiScope, type ApiScope } from './apiKeys.ts';

/** What people may do by a value of their account's claim, e.g. a group. */
export type AccountRoles = ReadonlyMap<string, readonly ApiScope[]>;

/** Of utilities alone, whose keys name their regions. */
const NOT_FOR_ACCOUNTS: readonly string[] = ['grid'];

/** Where people have their accounts: any issuer of OpenID Connect. */
export interface AccountsConfig {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** Of this API, as browsers reach it. */
  readonly publicUrl: string;
  /** Of the ID token: what it says decides what they may do. */
  readonly rolesClaim: string;
  readonly roles: AccountRoles;
}

/**
 * Reads `operators=ops+money+keys+models+submit, researchers=submit`.
 * @throws Error that says what is wrong
 */
export function parseAccountRoles(text: string): AccountRoles {
  const roles = new Map<string, readonly ApiScope[]>();
  for (const each of text.split(',').map((part) => part.trim())) {
    const [, value = '', named = ''] = /^(.+)=([a-z+]+)$/.exec(each) ?? [];
    const scopes = named.split('+').filter((scope) => isApiScope(scope) && !NOT_FOR_ACCOUNTS.includes(scope));
    if (value === '' || scopes.length !== named.split('+').length) {
      throw new Error(`${JSON.stringify(each)} is no VALUE=scope+scope of submit, models, ops, money and keys`);
    }
    roles.set(value, scopes.filter(isApiScope));
  }
  return roles;
}

/** @param claim as the issuer sends it: a text, or several */
export function scopesOfClaim(roles: AccountRoles, claim: unknown): ApiScope[] {
  const values: unknown[] = Array.isArray(claim) ? claim : [claim];
  return [...new Set(values.flatMap((value) => (typeof value === 'string' ? (roles.get(value) ?? []) : [])))];
}
