import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';

import { codeOf } from '../../domain/thrown.ts';

const INDEX = '/';
const FOLDER = '/page/';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

/**
 * The page holds a key that can do much. Nothing that is not a file of ours runs on it, nothing leaves it for another
 * place, no other site frames it, and no text can become markup.
 */
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  'cache-control': 'no-cache',
} as const;

export interface PageFile {
  readonly contentType: string;
  readonly bytes: Buffer;
  readonly gzipped: Buffer;
  readonly etag: string;
}

/** By path. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Where the build puts the page: beside this file's own build, or in dist when it runs from its source. */
export function pageFolders(): string[] {
  return ['../../web/', '../../dist/web/'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)));
}

/** The built page; no files where it was not built. */
export async function readPageFiles(folders: readonly string[] = pageFolders()): Promise<PageFiles> {
  for (const folder of folders) {
    const names = await namesIn(folder);
    if (!names.includes('index.html') || !names.includes('app.js')) continue;
    const files = await Promise.all(names.map(async (name) => [pathOf(name), await pageFile(folder, name)] as const));
    return new Map(files.filter((entry): entry is readonly [string, PageFile] => entry[1] !== undefined));
  }
  return new Map();
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function pathOf(name: string): string {
  return name === 'index.html' ? INDEX : `${FOLDER}${name}`;
}

async function pageFile(folder: string, name: string): Promise<PageFile | undefined> {
  const contentType = TYPES[extname(name)];
  if (contentType === undefined) return undefined;
  const bytes = await readFile(join(folder, name));
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { contentType, bytes, gzipped: await promisify(gzip)(bytes, { level: 9 }), etag };
}

/** The page for people: one application, whose data comes from the documented routes. */
export function addPageFileRoutes(app: OpenAPIHono, { page }: { readonly page: PageFiles }): void {
  for (const [path, file] of page) app.get(path, (c) => answerFile(c, path, file));
}

function answerFile(c: Context, path: string, { contentType, bytes, gzipped, etag }: PageFile): Response {
  const headers: Record<string, string> = { ...HEADERS, etag, vary: 'accept-encoding' };
  // It lies in a folder and serves the page above it.
  if (path.endsWith('/serviceWorker.js')) headers['service-worker-allowed'] = INDEX;
  if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
  const isGzip = /\bgzip\b/.test(c.req.header('accept-encoding') ?? '');
  headers['content-type'] = contentType;
  if (isGzip) headers['content-encoding'] = 'gzip';
  return c.body(new Uint8Array(isGzip ? gzipped : bytes), 200, headers);
}
