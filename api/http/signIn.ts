import { randomBytes } from 'node:crypto';

import { z, type OpenAPIHono } from '@hono/zod-openapi';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { Context } from 'hono';
import * as oidc from 'openid-client';

import { scopesOfClaim, type AccountsConfig } from '../../domain/accountRoles.ts';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { HOUR_MS, MINUTE_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { messageOf } from '../../domain/thrown.ts';
import { insertApiKey } from '../../store/apiKeys.ts';
import { sha256 } from './auth.ts';
import type { ApiPorts } from './ports.ts';

const PATH = '/sign-in';
const COOKIE = 'nightshift-sign-in';
/** From here to the issuer and back. */
const SIGN_IN_REAL_MS = 10 * MINUTE_MS;
/** A working day. */
const SIGNED_IN_REAL_MS = 10 * HOUR_MS;
const REQUESTS_PER_MINUTE = 600;
const MAX_NAME_CHARACTERS = 200;

/** What must be the same when the browser comes back; sealed in a cookie, so that any API process can go on. */
const pendingSchema = z.object({ verifier: z.string(), state: z.string(), nonce: z.string(), untilRealMs: z.number() });

/**
 * People sign in with their accounts, by the authorization code with PKCE. What they get is a key of ours that ends with
 * the working day: it is listed, revoked and audited as all others, under their name.
 */
export function addSignInRoutes(app: OpenAPIHono, ports: ApiPorts): void {
  const { accounts } = ports;
  app.get(`${PATH}/offer`, (c) => c.json({ accounts: accounts !== undefined }));
  if (!accounts) return;
  const issuerOf = discovering(accounts);
  const redirectUri = `${accounts.publicUrl.replace(/\/+$/, '')}${PATH}/callback`;
  const isSecure = redirectUri.startsWith('https:');

  app.get(PATH, async (c) => {
    const issuer = await issuerOf();
    const verifier = oidc.randomPKCECodeVerifier();
    const pending = {
      verifier,
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
      untilRealMs: ports.now() + SIGN_IN_REAL_MS,
    };
    // Lax: it comes along when the issuer sends the browser back, and with nothing else from elsewhere.
    setCookie(c, COOKIE, ports.seal.seal(JSON.stringify(pending), COOKIE), {
      path: PATH,
      httpOnly: true,
      secure: isSecure,
      sameSite: 'Lax',
      maxAge: SIGN_IN_REAL_MS / 1_000,
    });
    const url = oidc.buildAuthorizationUrl(issuer, {
      redirect_uri: redirectUri,
      scope: 'openid email profile',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: pending.state,
      nonce: pending.nonce,
    });
    return c.redirect(url.href, 302);
  });

  app.get(`${PATH}/callback`, async (c) => {
    const pending = readPending(c, ports);
    deleteCookie(c, COOKIE, { path: PATH });
    const claims = await exchange(await issuerOf(), new URL(redirectUri + new URL(c.req.url).search), pending);
    const { email = claims.sub } = claims;
    const person = (typeof email === 'string' ? email : claims.sub).slice(0, MAX_NAME_CHARACTERS);
    const scopes = scopesOfClaim(accounts.roles, claims[accounts.rolesClaim]);
    if (scopes.length === 0) {
      throw new NightshiftError(
        'forbidden',
        `The account of ${person} has none of the roles that may do something here.`,
      );
    }
    const key = `sk-${randomBytes(24).toString('base64url')}`;
    const { id } = await insertApiKey(ports.database, {
      id: newId('key_', ports.now()),
      tenantId: DEFAULT_TENANT,
      name: `${person} signed in`,
      scopes,
      regionIds: null,
      requestsPerMinute: REQUESTS_PER_MINUTE,
      keySha256: sha256(key).toString('hex'),
      expiresRealMs: ports.now() + SIGNED_IN_REAL_MS,
      person,
    });
    ports.logger.info({ keyId: id, person, scopes }, 'a person signed in');
    // Behind "#" it stays in the browser.
    return c.redirect(`/#key=${encodeURIComponent(key)}`, 302);
  });
}

function readPending(c: Context, { seal, now }: ApiPorts): z.output<typeof pendingSchema> {
  try {
    const pending = pendingSchema.parse(JSON.parse(seal.open(getCookie(c, COOKIE) ?? '', COOKIE)));
    if (pending.untilRealMs >= now()) return pending;
  } catch {
    // As one that is too old.
  }
  throw new NightshiftError('unauthorized', `The sign-in was not begun here, or too long ago: begin again at ${PATH}.`);
}

/** @throws NightshiftError `unauthorized` when the issuer, or what it says, is not to be believed */
async function exchange(issuer: oidc.Configuration, url: URL, pending: z.output<typeof pendingSchema>) {
  try {
    const tokens = await oidc.authorizationCodeGrant(issuer, url, {
      pkceCodeVerifier: pending.verifier,
      expectedState: pending.state,
      expectedNonce: pending.nonce,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (!claims) throw new Error('there is no ID token');
    return claims;
  } catch (cause) {
    throw new NightshiftError('unauthorized', `The account was not taken: ${messageOf(cause)}.`, { cause });
  }
}

/** Finds out once where the issuer's doors are; what failed is tried again. */
function discovering({ issuer, clientId, clientSecret }: AccountsConfig): () => Promise<oidc.Configuration> {
  let found: Promise<oidc.Configuration> | undefined;
  return () => {
    if (found) return found;
    const url = new URL(issuer);
    // Without TLS on loopback alone.
    const execute = ['127.0.0.1', 'localhost'].includes(url.hostname) ? [oidc.allowInsecureRequests] : [];
    const asked = oidc.discovery(url, clientId, clientSecret, undefined, { execute }).catch((cause: unknown) => {
      found = undefined;
      throw new NightshiftError('unavailable', 'Where people have their accounts does not answer.', { cause });
    });
    found = asked;
    return asked;
  };
}
