import { parseAccountRoles, type AccountRoles, type AccountsConfig } from '../domain/accountRoles.ts';
import { messageOf } from '../domain/thrown.ts';
import type { ConfigValues } from './keys.ts';

/** @returns null where no issuer is set @throws Error whose message names the key */
export function resolveAccounts(values: ConfigValues): AccountsConfig | null {
  const { 'accounts.issuer': issuer, 'accounts.clientId': clientId, 'accounts.publicUrl': publicUrl } = values;
  if (issuer === undefined) return null;
  const { protocol, hostname } = new URL(issuer);
  if (protocol === 'http:' && !['127.0.0.1', 'localhost'].includes(hostname)) {
    throw new Error('accounts.issuer: must be https, since what it says is believed');
  }
  const roles = values['accounts.roles'];
  if (clientId === undefined || publicUrl === undefined || roles === undefined) {
    throw new Error('accounts.clientId, accounts.publicUrl, accounts.roles: must be set with accounts.issuer');
  }
  const shared = { issuer, clientId, publicUrl, rolesClaim: values['accounts.rolesClaim'] };
  return { ...shared, clientSecret: values['accounts.clientSecret'], roles: rolesOf(roles) };
}

function rolesOf(text: string): AccountRoles {
  try {
    return parseAccountRoles(text);
  } catch (error) {
    throw new Error(`accounts.roles: ${messageOf(error)}`, { cause: error });
  }
}
