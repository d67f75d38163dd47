import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';

/** An issuer of OpenID Connect on loopback: who comes is signed in as the account that is set, without being asked. */
export interface LoopbackIssuer {
  readonly url: string;
  /** Claims of the next ID tokens, over those that are right. */
  claims: Record<string, unknown>;
  close(): Promise<void>;
}

const CLIENT_ID = 'nightshift-test';
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

export async function startIssuer(): Promise<LoopbackIssuer> {
  /** By code: what the browser was sent with. */
  const codes = new Map<string, { challenge: string; nonce: string }>();
  const issuer: { claims: Record<string, unknown> } = { claims: {} };
  let url = '';

  const idToken = (nonce: string): string => {
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const payload = {
      iss: url,
      aud: CLIENT_ID,
      sub: 'u1',
      iat: nowSeconds,
      exp: nowSeconds + 60,
      nonce,
      ...issuer.claims,
    };
    const signed = [{ alg: 'RS256', kid: '1' }, payload].map((part) => base64url(JSON.stringify(part))).join('.');
    return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
  };
  const server: Server = createServer((request, response) => {
    const asked = new URL(request.url ?? '/', url);
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (asked.pathname === '/.well-known/openid-configuration') {
      return answer(200, {
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        jwks_uri: `${url}/jwks`,
        id_token_signing_alg_values_supported: ['RS256'],
      });
    }
    if (asked.pathname === '/jwks') {
      return answer(200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: '1', alg: 'RS256', use: 'sig' }] });
    }
    if (asked.pathname === '/authorize') {
      const { redirect_uri = '', code_challenge = '', nonce = '', state = '' } = Object.fromEntries(asked.searchParams);
      const code = `code-${codes.size}`;
      codes.set(code, { challenge: code_challenge, nonce });
      response.writeHead(302, { location: `${redirect_uri}?${new URLSearchParams({ code, state }).toString()}` });
      return response.end();
    }
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { code = '', code_verifier = '' } = Object.fromEntries(new URLSearchParams(body));
      const known = codes.get(code);
      codes.delete(code);
      const challenge = createHash('sha256').update(code_verifier).digest('base64url');
      if (known?.challenge !== challenge) return answer(400, { error: 'invalid_grant' });
      return answer(200, {
        access_token: 'none',
        token_type: 'Bearer',
        expires_in: 60,
        id_token: idToken(known.nonce),
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  return Object.assign(issuer, {
    url,
    close: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  });
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
