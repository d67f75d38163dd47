import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { CertificatePair, ServerTls } from './serverTls.ts';

/** An HTTPS server that shows the renewed certificate to whoever connects from then on. */
export function renewableServer(tls: ServerTls, answer: RequestListener): Server {
  const server = createServer(contextOf(tls.current), answer);
  tls.onRenewed((renewed) => server.setSecureContext(contextOf(renewed)));
  return server;
}

function contextOf({ certificate: cert, key }: CertificatePair): { cert: Buffer; key: Buffer } {
  return { cert, key };
}
