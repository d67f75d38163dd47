import { BlockList, isIP } from 'node:net';

import { NightshiftError } from './errors.ts';

/**
 * Where webhooks may go: `public` is https to public addresses, `loopback` also http and https to this machine, `any`
 * also to private networks. A submitter chooses the URL, and the server that posts to it stands inside our network.
 */
export const WEBHOOK_HOSTS = ['public', 'loopback', 'any'] as const;
export type WebhookHosts = (typeof WEBHOOK_HOSTS)[number];

/** IPv4 that is not public: the IANA special-purpose address registry, and multicast. */
const SPECIAL_IPV4 = blockList('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]);
/** IPv6 that is given out at all; what embeds IPv4 (mapped, NAT64) is outside, and so is all that is local. */
const GLOBAL_IPV6 = blockList('ipv6', [['2000::', 3]]);
const SPECIAL_IPV6 = blockList('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]);
const LOOPBACK_IPV4 = blockList('ipv4', [['127.0.0.0', 8]]);

/** Whether events may be sent to this address, whatever name led to it. */
export function mayReceiveWebhooks(address: string, hosts: WebhookHosts): boolean {
  if (hosts === 'any') return true;
  return isPublic(address) || (hosts === 'loopback' && isLoopback(address));
}

/**
 * Checks what can be told before the name is resolved: the scheme, and an address that stands in the URL.
 * @throws NightshiftError `invalid_request`
 */
export function checkWebhookUrl(text: string, hosts: WebhookHosts): void {
  const url = new URL(text);
  const host = hostOf(url);
  const isHere = host === 'localhost' || isLoopback(host);
  if (url.protocol !== 'https:' && hosts !== 'any' && !(isHere && hosts === 'loopback')) {
    throw refused('must be an https URL');
  }
  if (url.username !== '' || url.password !== '') throw refused('must not carry a user or a password');
  const isName = isIP(host) === 0;
  if (isName ? host === 'localhost' && hosts === 'public' : !mayReceiveWebhooks(host, hosts)) {
    throw refused('must name a public address');
  }
}

/** Without the brackets of IPv6. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function isPublic(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !SPECIAL_IPV4.check(address, 'ipv4');
  if (version !== 6 || address.includes('%')) return false;
  return GLOBAL_IPV6.check(address, 'ipv6') && !SPECIAL_IPV6.check(address, 'ipv6');
}

function isLoopback(address: string): boolean {
  return address === '::1' || (isIP(address) === 4 && LOOPBACK_IPV4.check(address, 'ipv4'));
}

function blockList(family: 'ipv4' | 'ipv6', subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, family);
  return list;
}

function refused(what: string): NightshiftError {
  return new NightshiftError('invalid_request', `url ${what}.`, { field: 'url' });
}
