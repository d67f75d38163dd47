import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { TlsFiles } from '../../config/config.ts';
import { NightshiftError } from '../../domain/errors.ts';
import type { CertificatePair, ServerTls } from '../../domain/serverTls.ts';
import { messageOf } from '../../domain/thrown.ts';
import type { Logger } from './logging.ts';
import type { Monitor } from './monitor/monitor.ts';

const READ_AGAIN_REAL_MS = 20_000;

export interface WatchedCertificate extends ServerTls {
  close(): void;
}

/**
 * Reads the certificate and the key that a server shows, and reads them again and again: those who renew them put the
 * files there and restart nothing. A pair that does not fit together, as between two copies, is left and tried again.
 * @throws NightshiftError `invalid_config` when the first pair is none
 */
export async function watchCertificate(
  files: TlsFiles,
  ports: { readonly logger: Logger; readonly monitor: Pick<Monitor, 'onScrape'>; readonly everyRealMs?: number },
): Promise<WatchedCertificate> {
  const { logger, monitor, everyRealMs = READ_AGAIN_REAL_MS } = ports;
  const listeners: ((renewed: CertificatePair) => void)[] = [];
  let current = await readPair(files).catch((cause: unknown) => {
    throw new NightshiftError('invalid_config', `${files.certificateFile}: ${messageOf(cause)}`, { cause });
  });

  const look = async (): Promise<void> => {
    const found = await readPair(files);
    if (found.certificate.equals(current.certificate) && found.key.equals(current.key)) return;
    current = found;
    for (const listener of listeners) listener(found);
    logger.info({ until: endOf(found).toISOString() }, 'a renewed certificate is shown from now on');
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) =>
      logger.warn({ err: error }, 'the certificate could not be read; the old one stays'),
    );
  }, everyRealMs);
  timer.unref();
  monitor.onScrape(() => [
    { name: 'nightshift_certificate_seconds_left', value: (endOf(current).getTime() - Date.now()) / 1_000 },
  ]);
  return {
    get current() {
      return current;
    },
    onRenewed: (listener) => void listeners.push(listener),
    close: () => clearInterval(timer),
  };
}

/** @throws Error when they are no certificate and its key */
async function readPair({ certificateFile, keyFile }: TlsFiles): Promise<CertificatePair> {
  const [certificate, key] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
  // It refuses a key that is another certificate's.
  createSecureContext({ cert: certificate, key });
  return { certificate, key };
}

function endOf({ certificate }: CertificatePair): Date {
  return new Date(new X509Certificate(certificate).validTo);
}
