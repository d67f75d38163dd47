/** A certificate with its chain, and its key, PEM. */
export interface CertificatePair {
  readonly certificate: Buffer;
  readonly key: Buffer;
}

/** What a server shows to its clients, which may be renewed while it runs. */
export interface ServerTls {
  readonly current: CertificatePair;
  /** Calls with each later pair; connections that are open stay as they are. */
  onRenewed(listener: (renewed: CertificatePair) => void): void;
}
