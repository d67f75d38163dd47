import type { WireEvent, WirePayloadDescriptor, WireReportDescriptor } from './wire.ts';

/** A feeder that a connection speaks for: one resource at the VTN. */
export interface SiteFeeder {
  readonly id: string;
  readonly failSafeImportKw: number;
}

/** An event as it is held: with what was fixed when this version of it first came. */
export interface HeldEvent {
  readonly event: WireEvent;
  /** The program's descriptors stand where the event has none. */
  readonly programDescriptors: readonly WirePayloadDescriptor[];
  /** Grid time of first receipt. */
  readonly anchorMs: number;
  /** Mean load of the feeders in the hour before receipt, houses included: what relative setpoints are relative to. */
  readonly referenceKw: number | null;
  /** Those that the event's targets reach. */
  readonly feeders: readonly SiteFeeder[];
}

/** The unit of a payload: the event's descriptor, else the program's. */
export function descriptorOf(held: HeldEvent, payloadType: string): WirePayloadDescriptor | undefined {
  const names = (descriptor: WirePayloadDescriptor): boolean => descriptor.payloadType === payloadType;
  return held.event.payloadDescriptors.find(names) ?? held.programDescriptors.find(names);
}

/** Feeders that the event is for: those whose resource was granted one of its targets, all when it names none of them. */
export function feedersReached(
  event: Pick<WireEvent | WireReportDescriptor, 'targets'>,
  feeders: readonly (SiteFeeder & { readonly targets: readonly string[] })[],
): SiteFeeder[] {
  const named = feeders.filter(({ id, targets }) =>
    event.targets.some((target) => target === id || targets.includes(target)),
  );
  return (named.length > 0 ? named : feeders).map(({ id, failSafeImportKw }) => ({ id, failSafeImportKw }));
}
