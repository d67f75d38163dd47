import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';

import { z } from 'zod';

import { NightshiftError } from './errors.ts';
import { issueText } from './issueText.ts';
import { parseJson } from './json.ts';
import { AGENT_RELEASE } from './names.ts';
import { sha256Schema } from './sha256.ts';

/** Of a release, below its folder: with forward slashes, leading nowhere else. */
const pathSchema = z
  .string()
  .min(1)
  .max(500)
  .refine((path) => path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'), {
    message: 'must be a path below the release’s folder',
  })
  .refine((path) => !/[\\\0:]/.test(path), { message: 'must have no backslash, colon or NUL' });

const fileSchema = z.strictObject({
  path: pathSchema,
  bytes: z.number().int().min(0),
  sha256: sha256Schema,
  executable: z.literal(true).optional(),
});
export type ReleaseFile = z.output<typeof fileSchema>;

/** What is signed: every file of a release by its hash, and what keeps an old release from being passed off as a new one. */
export const agentReleaseSchema = z
  .strictObject({
    product: z.literal(AGENT_RELEASE),
    /** Rises with every release: an agent never goes back to a lower one, whoever signed it. */
    version: z.number().int().min(1).max(1e9),
    /** For people, such as 0.4.1. */
    name: z.string().min(1).max(63),
    /** Real time. After it, no agent begins to use the release; those that run it go on. */
    expires_at: z.iso.datetime(),
    /** The file that Node runs; it gets the arguments of `nightshift`. */
    entry: pathSchema,
    files: z.array(fileSchema).min(1).max(100_000),
  })
  .refine(({ entry, files }) => files.some(({ path }) => path === entry), {
    path: ['entry'],
    message: 'must be one of the files',
  })
  .refine(({ files }) => new Set(files.map(({ path }) => path)).size === files.length, {
    path: ['files'],
    message: 'must name each path once',
  });
export type AgentRelease = z.output<typeof agentReleaseSchema>;

/** A release as it is handed around. The text is signed as it stands, so that nobody has to write JSON just alike. */
export const signedReleaseSchema = z.strictObject({
  signed: z.string().min(1).max(32_000_000),
  signatures: z.array(z.strictObject({ key: z.string().max(100), signature: z.string().max(200) })).max(16),
});
export type SignedRelease = z.output<typeof signedReleaseSchema>;

/** A release that is not to be used. */
export class ReleaseRefusal extends NightshiftError {
  constructor(message: string) {
    super('invalid_request', message);
  }
}

/** A pair for signing: the private half as PEM, the public half as agents' config files name it (Ed25519, base64url). */
export function newReleaseKey(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { privateKey: pem, publicKey: publicHalf(pem) };
}

/** @throws ReleaseRefusal when it is no private Ed25519 key */
function publicHalf(privateKey: string): string {
  try {
    const { x, crv } = createPublicKey(createPrivateKey(privateKey)).export({ format: 'jwk' });
    if (crv === 'Ed25519' && x !== undefined) return x;
  } catch {
    // Said below.
  }
  throw new ReleaseRefusal('This is no private key of `nightshift agent release key`.');
}

/** Adds a signature; one by the same key is replaced. @throws ReleaseRefusal */
export function signRelease({ signed, signatures }: SignedRelease, privateKey: string): SignedRelease {
  const key = publicHalf(privateKey);
  const signature = sign(null, Buffer.from(signed), createPrivateKey(privateKey)).toString('base64url');
  return { signed, signatures: [...signatures.filter((each) => each.key !== key), { key, signature }] };
}

/** Reads a release without a look at who signed it. @throws ReleaseRefusal that names the field */
export function readRelease({ signed }: SignedRelease): AgentRelease {
  const parsed = agentReleaseSchema.safeParse(parseJson(signed));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ReleaseRefusal(`The release cannot be read: ${issue?.path.join('.') || 'it'}: ${issueText(issue)}`);
}

export interface ReleaseTrust {
  /** Public keys whose signatures count. */
  readonly keys: readonly string[];
  /** How many of them must have signed. */
  readonly threshold: number;
  /** The highest version that this computer ever ran, or was ready to. */
  readonly highest: number;
  /** Real time. */
  readonly nowMs: number;
}

/** A release that may be used here. @throws ReleaseRefusal that says why not */
export function trustedRelease(given: SignedRelease, { keys, threshold, highest, nowMs }: ReleaseTrust): AgentRelease {
  const good = new Set(
    given.signatures.filter((each) => keys.includes(each.key) && isSigned(given.signed, each)).map(({ key }) => key),
  );
  // Before anything in it is read.
  if (good.size < threshold) {
    throw new ReleaseRefusal(`${good.size} of the keys that count have signed the release; it takes ${threshold}.`);
  }
  const release = readRelease(given);
  if (release.version <= highest) {
    throw new ReleaseRefusal(`Release ${release.version} is not newer than ${highest}, which this computer has had.`);
  }
  if (Date.parse(release.expires_at) <= nowMs) {
    throw new ReleaseRefusal(`Release ${release.version} expired at ${release.expires_at}.`);
  }
  return release;
}

function isSigned(text: string, { key, signature }: SignedRelease['signatures'][number]): boolean {
  try {
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key }, format: 'jwk' });
    return verify(null, Buffer.from(text), publicKey, Buffer.from(signature, 'base64url'));
  } catch {
    return false;
  }
}
