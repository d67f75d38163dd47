import { readFile } from 'node:fs/promises';
import type { TlsFiles } from '../../config/config.ts';

/** The certificate and the key that a server shows. */
export async function readTls({ certificateFile, keyFile }: TlsFiles) {
  const [certificate, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
  return { certificate, key };
}
