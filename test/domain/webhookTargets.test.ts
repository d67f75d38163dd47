import { expect, test } from 'vitest';

import { checkWebhookUrl, mayReceiveWebhooks } from '../../domain/webhookTargets.ts';

const PUBLIC = ['93.184.216.34', '1.1.1.1', '172.32.0.1', '192.169.0.1', '100.128.0.1', '2606:4700:4700::1111'];
const LOOPBACK = ['127.0.0.1', '127.255.0.9', '::1'];
const NOT_PUBLIC = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::ffff:127.0.0.1',
  '::ffff:93.184.216.34',
  '64:ff9b::a00:1',
  'fc00::1',
  'fd12::1',
  'fe80::1',
  'fe80::1%eth0',
  'ff02::1',
  '2001::1',
  '2002:7f00:1::',
  '2001:db8::1',
  'localhost',
  '',
];

test.each(PUBLIC)('%s is public', (address) => {
  expect(mayReceiveWebhooks(address, 'public')).toBe(true);
});

test.each(LOOPBACK)('%s is this machine', (address) => {
  expect(mayReceiveWebhooks(address, 'public')).toBe(false);
  expect(mayReceiveWebhooks(address, 'loopback')).toBe(true);
});

test.each(NOT_PUBLIC)('%s is neither', (address) => {
  expect(mayReceiveWebhooks(address, 'public')).toBe(false);
  expect(mayReceiveWebhooks(address, 'loopback')).toBe(false);
  expect(mayReceiveWebhooks(address, 'any')).toBe(true);
});

const refused = { code: 'invalid_request', field: 'url' };

test.each([
  'http://example.com/hook',
  'https://127.0.0.1/hook',
  'https://2130706433/hook',
  'https://0x7f.1/hook',
  'https://localhost/hook',
  'https://[::1]/hook',
  'https://[::ffff:10.0.0.1]/hook',
  'https://169.254.169.254/latest/meta-data',
  'https://user:secret@example.com/hook',
])('%s is refused before anything is sent', (url) => {
  expect(() => checkWebhookUrl(url, 'public')).toThrow(expect.objectContaining(refused));
});

test('http is for this machine only, unless private networks are allowed', () => {
  expect(() => checkWebhookUrl('https://example.com/hook', 'public')).not.toThrow();
  for (const url of ['http://127.0.0.1:9/hook', 'http://localhost/hook', 'http://[::1]/hook']) {
    expect(() => checkWebhookUrl(url, 'loopback')).not.toThrow();
  }
  expect(() => checkWebhookUrl('http://example.com/hook', 'loopback')).toThrow(/https/);
  expect(() => checkWebhookUrl('https://10.0.0.1/hook', 'loopback')).toThrow(/public/);
  expect(() => checkWebhookUrl('http://10.0.0.1/hook', 'any')).not.toThrow();
});
