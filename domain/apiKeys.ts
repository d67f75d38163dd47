/** What a key may do. */
export const API_SCOPES = {
  submit: 'files, batches, embeddings and inference',
  models: 'adding and removing models',
  ops: 'status, journal, utilities and grid signals of the cell',
  grid: 'what a utility sees of its own regions: load, limits, events and their proof; nothing to change',
  money: 'prices, the ledger, invoices, disputes and payouts',
  keys: 'keys, tenants and webhooks of every tenant',
} as const;
export type ApiScope = keyof typeof API_SCOPES;

/** The tenant of the key that a local stack makes for itself, and of whatever was there before there were tenants. */
export const DEFAULT_TENANT = 'default';

export function isApiScope(text: string): text is ApiScope {
  return Object.hasOwn(API_SCOPES, text);
}
