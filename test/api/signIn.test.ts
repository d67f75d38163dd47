import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { startApiServer, type ApiServer } from '../../api/http/server.ts';
import { parseAccountRoles, scopesOfClaim } from '../../domain/accountRoles.ts';
import { freePort } from '../support/freePorts.ts';
import { startIssuer, type LoopbackIssuer } from '../support/loopbackIssuer.ts';
import { useTestDatabase } from '../support/testDatabase.ts';
import { useApi, type Json } from './apiHarness.ts';

const { database } = useTestDatabase();
const api = useApi(database);
let issuer: LoopbackIssuer;
let server: ApiServer;

beforeAll(async () => {
  issuer = await startIssuer();
  const port = await freePort();
  const accounts = {
    issuer: issuer.url,
    clientId: 'nightshift-test',
    clientSecret: undefined,
    publicUrl: `http://127.0.0.1:${port}`,
    rolesClaim: 'groups',
    roles: parseAccountRoles('operators=ops+money, researchers=submit'),
  };
  server = await startApiServer({ ...api.ports, accounts }, { host: '127.0.0.1', port });
});
beforeEach(() => {
  issuer.claims = { email: 'kim@example.com', groups: ['operators', 'football'] };
});
afterAll(async () => {
  await server?.close();
  await issuer?.close();
});

type Change = (text: string) => string;

/** As a browser goes: to us, to the issuer, and back with the cookie. @returns the last answer */
async function signIn(cookieOf: Change = String, callback: Change = String): Promise<Response> {
  const begun = await fetch(`${server.url}/sign-in`, { redirect: 'manual' });
  const set = begun.headers.get('set-cookie') ?? '';
  expect(set).toMatch(/HttpOnly/);
  expect(set).toMatch(/SameSite=Lax/);
  const sent = await fetch(begun.headers.get('location') ?? '', { redirect: 'manual' });
  const back = callback(sent.headers.get('location') ?? '');
  return fetch(back, { redirect: 'manual', headers: { cookie: cookieOf(set.split(';')[0] ?? '') } });
}
const keyOf = (answer: Response): string =>
  decodeURIComponent(/^\/#key=(.+)$/.exec(answer.headers.get('location') ?? '')?.[1] ?? '');
const withKey = (key: string, path: string, method = 'GET') =>
  fetch(server.url + path, { method, headers: { authorization: `Bearer ${key}` } });

test('who has a role gets a key for a working day that may do what the role may, under their name', async () => {
  const key = keyOf(await signIn());
  expect((await withKey(key, '/ops/v1/status')).status).toBe(200);
  expect((await withKey(key, '/v1/files')).status).toBe(403);
  const listed: Json = await api.getJson('/ops/v1/keys');
  const made = listed.data.find(({ person }: Json) => person === 'kim@example.com');
  expect(made.scopes).toEqual(['ops', 'money']);
  expect(made.expires_at - Date.now() / 1_000).toBeCloseTo(10 * 3_600, -2);

  await withKey(key, '/ops/v1/cars/car-1/exclusion', 'DELETE');
  const { changes }: Json = await api.getJson('/ops/v1/audit?about=car-1');
  expect(changes.at(-1)).toMatchObject({ actor: 'person/kim@example.com', status: 200 });
});

test('who has none is told so, and gets nothing', async () => {
  issuer.claims = { email: 'kim@example.com', groups: 'football' };
  const answer = await signIn();
  expect(answer.status).toBe(403);
  expect(await answer.text()).toContain('kim@example.com');
});

test.each([
  ['of another issuer', { iss: 'http://127.0.0.1:1' }],
  ['for another client', { aud: 'somebody-else' }],
  ['that has run out', { exp: 1_000 }],
  ['of another sign-in', { nonce: 'another' }],
])('an ID token %s is not believed', async (_, claims) => {
  issuer.claims = { ...issuer.claims, ...claims };
  expect((await signIn()).status).toBe(401);
});

test('what comes back must have been begun in the same browser, here, and not been changed', async () => {
  expect((await signIn(() => '')).status).toBe(401);
  expect((await signIn((cookie) => `${cookie.slice(0, -4)}AAAA`)).status).toBe(401);
  expect((await signIn(String, (url) => url.replace(/state=[^&]+/, 'state=another'))).status).toBe(401);
});

test('a key that has run out opens nothing', async () => {
  const key = keyOf(await signIn());
  await database.query(`update api_keys set expires_real_at = now() - interval '1 second' where person is not null`);
  expect((await withKey(key, '/ops/v1/status')).status).toBe(401);
});

const offer = async (url: string): Promise<Json> => (await fetch(`${url}/sign-in/offer`)).json();

test('without an issuer there is only the offer of keys', async () => {
  expect([await offer(api.server.url), await offer(server.url)]).toEqual([{ accounts: false }, { accounts: true }]);
  expect((await fetch(`${api.server.url}/sign-in`)).status).toBe(404);
});

test('roles are read by value, and nothing else is one', () => {
  const roles = parseAccountRoles('a b=ops+submit, c=money');
  expect(scopesOfClaim(roles, ['a b', 'c', 'x', 7])).toEqual(['ops', 'submit', 'money']);
  expect(scopesOfClaim(roles, 'c')).toEqual(['money']);
  expect(scopesOfClaim(roles, undefined)).toEqual([]);
  for (const wrong of ['', 'a', 'a=', 'a=root', 'a=ops+', 'a=grid'])
    expect(() => parseAccountRoles(wrong), wrong).toThrow('VALUE');
});

test('a key is rotated: the new one may do the same, the old one runs out after the grace', async () => {
  const post = (path: string, body: object): Promise<Response> =>
    api.fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const old: Json = await (await post('/ops/v1/keys', { tenant: 'ann', name: 'pipeline', scopes: ['submit'] })).json();
  const fresh: Json = await (await post(`/ops/v1/keys/${old.id}/rotation`, { grace_hours: 2 })).json();
  expect(fresh).toMatchObject({ tenant: 'ann', name: 'pipeline', scopes: ['submit'], expires_at: null });
  for (const { key } of [old, fresh]) expect((await withKey(key, '/v1/files')).status).toBe(200);
  const listed: Json = await api.getJson('/ops/v1/keys');
  const kept = listed.data.find(({ id }: Json) => id === old.id);
  expect(kept.expires_at - Date.now() / 1_000).toBeCloseTo(2 * 3_600, -2);

  const last: Json = await (await post(`/ops/v1/keys/${fresh.id}/rotation`, { grace_hours: 0 })).json();
  expect((await withKey(last.key, '/v1/files')).status).toBe(200);
  // A busy key is kept for two seconds; one that was not used is looked up.
  expect((await post(`/ops/v1/keys/${fresh.id}/rotation`, {})).status).toBe(404);
});
