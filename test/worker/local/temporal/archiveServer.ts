import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'nightshift-temporal-'));

/** A program that says what the real one says to --version. */
export const fakeTemporal = (serverVersion: string): string =>
  `#!/bin/sh\necho "temporal version 1.5.1 (Server ${serverVersion}, UI 2.42.1)"\n`;

export function writeProgram(folder: string, name: string, content: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o755 });
  return path;
}

/** What the official archive holds: the program beside a licence. */
export function archiveOf(program: string): Buffer {
  const folder = temporaryFolder();
  writeProgram(folder, 'temporal', program);
  writeFileSync(join(folder, 'LICENSE'), 'MIT');
  execFileSync('tar', ['-czf', join(folder, 'archive.tar.gz'), '-C', folder, 'LICENSE', 'temporal']);
  return readFileSync(join(folder, 'archive.tar.gz'));
}

export interface ArchiveServer {
  readonly baseUrl: string;
  readonly requests: string[];
  close(): void;
}

/** An archive server on the loopback interface. */
export async function serveArchive(answer: RequestListener): Promise<ArchiveServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    return answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    baseUrl: `http://127.0.0.1:${address.port}/cli/archive`,
    requests,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
