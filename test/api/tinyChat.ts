import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect } from 'vitest';

import { cli } from '../cli/cliRun.ts';
import { writeTinyLlama } from '../support/tinyLlama.ts';
import type { ApiHarness } from './apiHarness.ts';

/** Adds a tiny language model to the API, as a folder by the command line. Call at top level. @returns its name */
export function useTinyChat(api: ApiHarness): string {
  const name = 'tiny-chat';
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nightshift-chat-'));
    await writeTinyLlama(folder, { layout: 'huggingface', weights: 'fp32' });
    const url = `${api.server.url}/v1`;
    const added = await cli('model', 'add', folder, '--name', name, '--url', url, '--key', api.ports.apiKey);
    expect(added).toMatchObject({ code: 0, err: '' });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return name;
}
