import type { FeederSupply } from '../../../domain/feederSupply.ts';
import type { WireEvent, WirePayloadDescriptor, WireReportDescriptor } from './wire.ts';

/** A feeder that a connection speaks for: one resource at the VTN. */
export interface SiteFeeder {
  readonly id: string;
  readonly failSafeImportKw: number;
  readonly supply: FeederSupply;
}

/** An event as it is held: with what was fixed when this version of it first came. */
export interface HeldEvent {
  readonly event: WireEvent;
  /** The program's descriptors stand where the event has none. */
  readonly programDescriptors: readonly WirePayloadDescriptor[];
  /** Grid time of first receipt. */
  readonly anchorMs: number;
  /** Decides, with the event's id, the random shift of its start. */
  readonly seed: string;
  /** Mean load of the feeders in the hour before receipt, houses included: what relative setpoints are relative to. */
  readonly referenceKw: number | null;
  /** Those that the event's targets reach. */
  readonly feeders: readonly SiteFeeder[];
  /** The last version of which everything could be followed: it holds on where this one cannot be followed. */
  readonly before?: HeldEvent;
}

/** The unit of a payload: the event's descriptor, else the program's. */
export function descriptorOf(held: HeldEvent, payloadType: string): WirePayloadDescriptor | undefined {
  const names = (descriptor: WirePayloadDescriptor): boolean => descriptor.payloadType === payloadType;
  return held.event.payloadDescriptors.find(names) ?? held.programDescriptors.find(names);
}

/** Whom targets may name. */
export interface Addressees<Feeder extends SiteFeeder> {
  /** Granted to the ven, whose resources are all feeders. */
  readonly venTargets: readonly string[];
  /** Each with the targets granted to its resource. */
  readonly feeders: readonly (Feeder & { readonly targets: readonly string[] })[];
}

/**
 * Feeders that an event or a report is for: all when a target is one of the ven's, and those whose resource has one of
 * the targets. All when no target names any of ours: what we were given to see is meant for us.
 */
export function feedersReached<Feeder extends SiteFeeder>(
  { targets }: Pick<WireEvent | WireReportDescriptor, 'targets'>,
  { venTargets, feeders }: Addressees<Feeder>,
): (Feeder & { readonly targets: readonly string[] })[] {
  if (targets.some((target) => venTargets.includes(target))) return [...feeders];
  const named = feeders.filter((feeder) =>
    targets.some((target) => target === feeder.id || feeder.targets.includes(target)),
  );
  return named.length > 0 ? named : [...feeders];
}
