import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';

import { checkWebhookUrl, hostOf, mayReceiveWebhooks, type WebhookHosts } from '../../domain/webhookTargets.ts';

const ANSWER_LIMIT_REAL_MS = 10_000;

export interface GuardedPost {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly hosts: WebhookHosts;
  /** All addresses of a name; the system's resolver unless given. */
  readonly resolve?: Resolve;
}

export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

/**
 * Posts to a URL that a stranger chose. The name is resolved once, each time anew, and the connection goes to the very
 * addresses that were checked: a name that points elsewhere a moment later leads nowhere. Redirects are not followed.
 * @returns the status of the answer, whose body is not read
 * @throws NightshiftError `invalid_request` for a URL that is not allowed; Error when it does not answer, or when its
 *   name leads to an address that is not allowed
 */
export async function guardedPost(post: GuardedPost): Promise<number> {
  const { url: text, body, headers, hosts, resolve: resolveName = (name) => lookup(name, { all: true }) } = post;
  checkWebhookUrl(text, hosts);
  const url = new URL(text);
  const addresses = await allowedAddresses(hostOf(url), hosts, resolveName);
  const [first] = addresses;
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return await new Promise<number>((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: false,
        lookup: (_, options, callback) => {
          if (options.all) callback(null, addresses);
          else callback(null, first?.address ?? '', first?.family);
        },
        signal: AbortSignal.timeout(ANSWER_LIMIT_REAL_MS),
      },
      (answer) => {
        resolve(answer.statusCode ?? 0);
        // It may never end.
        answer.destroy();
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** @throws Error when one of the addresses is not allowed */
async function allowedAddresses(host: string, hosts: WebhookHosts, resolveName: Resolve): Promise<LookupAddress[]> {
  // An address that stands in the URL was checked with it, and is not looked up.
  if (isIP(host) !== 0) return [];
  const addresses = [...(await resolveName(host))];
  const forbidden = addresses.find(({ address }) => !mayReceiveWebhooks(address, hosts));
  if (forbidden) throw new Error(`${host} leads to ${forbidden.address}, which is not a public address.`);
  if (addresses.length === 0) throw new Error(`${host} leads to no address.`);
  return addresses;
}
