/** What a car was refused for, and the gRPC status that it is told. */
export const REFUSALS = {
  /** No key, or one that is not a car's. */
  key: 'UNAUTHENTICATED',
  /** An RPC that an activity worker does not need. */
  rpc: 'PERMISSION_DENIED',
  namespace: 'PERMISSION_DENIED',
  /** A task queue of another region, class or model family. */
  queue: 'PERMISSION_DENIED',
  /** As for a task that has timed out: a car of good faith gives such a shard up. */
  token: 'NOT_FOUND',
  /** A car in quarantine: it tries again later, since the operator may let it out. */
  quarantine: 'RESOURCE_EXHAUSTED',
  /** The SDK tries again later. */
  rate: 'RESOURCE_EXHAUSTED',
  /** More shards taken than a car can compute. */
  hoard: 'RESOURCE_EXHAUSTED',
  malformed: 'INVALID_ARGUMENT',
} as const;
export type RefusalKind = keyof typeof REFUSALS;

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
