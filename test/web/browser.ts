import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { readPageFiles, type PageFiles } from '../../api/http/pageFiles.ts';
import { bundleWeb } from '../../build/webBundle.ts';

/** Where systems have their Chromium; none is downloaded. */
const PLACES = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
export const CHROMIUM = PLACES.find((place) => place !== undefined && existsSync(place));

export function launchBrowser(): Promise<Browser> {
  // As root, Chromium has no sandbox.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: CHROMIUM ?? '', args });
}

/** The page as the build makes it. */
export async function builtPage(): Promise<PageFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-web-'));
  try {
    await bundleWeb(fileURLToPath(new URL('../../web/', import.meta.url)), folder);
    return await readPageFiles([folder]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A page that notes what its console complains of: a refused script, an error that nobody caught. */
export async function openPage(
  browser: Browser,
  options: Parameters<Browser['newPage']>[0] = {},
): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return { page, complaints };
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe finds wrong, as `rule: where`. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // Through the debugger, which the page's own policy does not hold.
  await page.evaluate(await readFile(AXE, 'utf8'));
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`),
    );
  });
}
