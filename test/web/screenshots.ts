import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { DEFAULT_TENANT } from '../../domain/apiKeys.ts';
import { launchBrowser, openPage } from './browser.ts';

/**
 * Takes the pictures of docs/screenshots from a cell that runs: `npm run screenshots -- URL KEY [OWNER] [REGION]`,
 * with the operator's key that `npm start` prints, some minutes into its night. Pictures of OWNER and of REGION's utility are
 * taken with keys made for them.
 */

const [url, key, owner = 'ada', region = 'pt-lisbon'] = process.argv.slice(2);
if (url === undefined || key === undefined) throw new Error('usage: npm run screenshots -- URL KEY [OWNER] [REGION]');
const folder = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
/** What is asked for first has come, and charts are drawn. */
const SETTLED_MS = 6_000;

const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
async function keyMade(path: string, body?: object): Promise<string> {
  const made = await fetch(`${url}${path}`, { method: 'POST', headers, ...(body && { body: JSON.stringify(body) }) });
  return z.object({ key: z.string() }).parse(await made.json()).key;
}
const ownerKey = await keyMade(`/fleet/v1/owners/${owner}/keys`);
const submitterKey = await keyMade('/ops/v1/keys', { tenant: DEFAULT_TENANT, name: 'pictures', scopes: ['submit'] });
const utilityKey = await keyMade('/ops/v1/keys', {
  tenant: region,
  name: 'pictures',
  scopes: ['grid'],
  regions: [region],
});
const pictures = [
  { name: 'operator', key, width: 1440, height: 1060, colorScheme: 'dark' },
  { name: 'operator-light', key, width: 1440, height: 1060, colorScheme: 'light' },
  { name: 'owner', key: ownerKey, width: 1120, height: 900, colorScheme: 'light' },
  { name: 'utility', key: utilityKey, width: 1440, height: 1000, colorScheme: 'light' },
  { name: 'submitter', key: submitterKey, width: 1440, height: 1000, colorScheme: 'dark' },
  { name: 'owner-phone', key: ownerKey, width: 390, height: 844, colorScheme: 'dark' },
] as const;

await mkdir(folder, { recursive: true });
const browser = await launchBrowser();
for (const { name, key: signedIn, width, height, colorScheme } of pictures) {
  const { page, complaints } = await openPage(browser, { viewport: { width, height }, colorScheme });
  await page.goto(`${url}/#key=${encodeURIComponent(signedIn)}`);
  await page.waitForTimeout(SETTLED_MS);
  if (name === 'submitter') {
    await page.getByRole('button', { name: 'Quote' }).click();
    await page.waitForTimeout(SETTLED_MS);
  }
  const png = await page.screenshot();
  await writeFile(`${folder}${name}.png`, png);
  process.stdout.write(`${name}.png ${Math.round(png.length / 1024)} kB ${complaints.join('; ')}\n`);
  await page.close();
}
await browser.close();
