import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface LogFile {
  write(line: string): void;
  close(): void;
}

/**
 * Appends lines to a file. When it would grow beyond `maxBytes`, it is renamed to `<path>.1`, over the one before, so
 * that a process never keeps more than twice that.
 */
export function openLogFile(path: string, maxBytes = 8 * 1024 * 1024): LogFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let file: number | undefined = openSync(path, 'a', 0o600);
  let sizeBytes = fstatSync(file).size;

  return {
    write(line) {
      if (file === undefined) return;
      const bytes = Buffer.from(`${line}\n`);
      if (sizeBytes > 0 && sizeBytes + bytes.length > maxBytes) {
        closeSync(file);
        renameSync(path, `${path}.1`);
        file = openSync(path, 'a', 0o600);
        sizeBytes = 0;
      }
      writeSync(file, bytes);
      sizeBytes += bytes.length;
    },
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}
