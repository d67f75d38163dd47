import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLogFile } from '../../../../worker/local/supervisor/logFile.ts';
import { temporaryFolder } from './scripts.ts';

test('keeps one earlier file of the size limit', () => {
  const path = join(temporaryFolder(), 'logs', 'x.log');
  const log = openLogFile(path, 10);
  for (const line of ['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee']) log.write(line);
  log.close();
  expect(readFileSync(path, 'utf8')).toBe('eeee\n');
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('cccc\ndddd\n');
  const reopened = openLogFile(path, 10);
  reopened.write('ffff');
  reopened.close();
  expect(readFileSync(path, 'utf8')).toBe('eeee\nffff\n');
});
