import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

import { z } from 'zod';

import type { ApiClient } from '../api/client/apiClient.ts';
import { NightshiftError } from '../domain/errors.ts';
import { selectModelFiles } from '../domain/modelFolders.ts';
import type { ModelManifest } from '../domain/models.ts';
import { sha256OfFile } from '../store/objects/sha256OfFile.ts';
import type { Terminal } from './terminal.ts';

/** Small enough to be sent again after a broken connection, large enough to be few. */
const PART_BYTES = 16 * 1024 * 1024;
const TRIES = 5;
const FIRST_RETRY_REAL_MS = 500;
const MAX_LISTED_FILES = 10_000;

const uploadSchema = z.object({
  id: z.string(),
  files: z.array(z.object({ path: z.string(), size_bytes: z.number(), received_bytes: z.number() })),
});

export interface FolderOptions {
  readonly name: string;
  readonly version?: string;
  readonly variant?: string;
  readonly description?: string;
  readonly pooling?: string;
  readonly source?: ModelManifest['source'];
}

/**
 * Sends the files of the folder that make up a model, goes on where an earlier attempt broke off, and has them admitted.
 * @returns what the API answers
 * @throws NightshiftError
 */
export async function addFolder(
  api: ApiClient,
  folder: string,
  options: FolderOptions,
  terminal: Terminal,
): Promise<unknown> {
  const { paths } = selectModelFiles(await pathsBelow(folder), options.variant);
  const files = [];
  for (const path of paths) {
    const full = join(folder, path);
    files.push({ path, sha256: await sha256OfFile(full), size_bytes: (await stat(full)).size });
  }
  const created = await api.json('POST', '/v1/model_uploads', { ...options, files });
  const upload = uploadSchema.parse(created);
  const total = upload.files.reduce((sum, { size_bytes: bytes }) => sum + bytes, 0);
  let sent = upload.files.reduce((sum, { received_bytes: bytes }) => sum + bytes, 0);
  const progress = progressLine(terminal, 'sent', total);
  progress.show(sent);
  for (const { path, size_bytes: size, received_bytes: received } of upload.files) {
    for (let offset = received; offset < size; offset += PART_BYTES) {
      const end = Math.min(size, offset + PART_BYTES);
      await sendPart(api, upload.id, path, join(folder, path), offset, end);
      sent += end - offset;
      progress.show(sent);
    }
  }
  progress.end();
  return api.json('POST', `/v1/model_uploads/${upload.id}/complete`, {});
}

async function sendPart(
  api: ApiClient,
  id: string,
  path: string,
  file: string,
  offset: number,
  end: number,
): Promise<void> {
  let from = offset;
  for (let attempt = 1; ; attempt += 1) {
    const query = `path=${encodeURIComponent(path)}&offset=${from}`;
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of createReadStream(file, { start: from, end: end - 1 })) chunks.push(chunk);
      await api.call(`/v1/model_uploads/${id}/file?${query}`, { method: 'PUT', body: Buffer.concat(chunks) });
      return;
    } catch (error) {
      if (!(error instanceof NightshiftError) || attempt >= TRIES) throw error;
      // What came before the connection broke was kept: the API says how much.
      const kept = Number(/offset must be (\d+)/.exec(error.message)?.[1] ?? Number.NaN);
      if (!error.retryable && !Number.isFinite(kept)) throw error;
      if (kept >= end) return;
      if (Number.isFinite(kept)) from = kept;
      await new Promise((resolve) => setTimeout(resolve, FIRST_RETRY_REAL_MS * 2 ** (attempt - 1)));
    }
  }
}

/** Paths with slashes; links are not followed, so that no path leaves the folder. */
export async function pathsBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).slice(0, MAX_LISTED_FILES);
  return files.map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

export interface ProgressLine {
  show(bytes: number): void;
  end(): void;
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** On a terminal a line that is drawn again, elsewhere nothing: a log is no place for it. */
export function progressLine({ liveColumns, err }: Terminal, verb: string, totalBytes: number): ProgressLine {
  return {
    show: (bytes) => {
      if (liveColumns !== undefined) err(`\r${mb(bytes)} of ${mb(totalBytes)} MB ${verb}`);
    },
    end: () => {
      if (liveColumns !== undefined) err('\n');
    },
  };
}
