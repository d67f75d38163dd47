import type { SimulatedClass } from '../../domain/hardwareClasses.ts';
import type { Charger } from '../../domain/vehicles.ts';

/**
 * What happened in a night, as the database has it. Times are grid time in epoch ms, spans half-open, powers and
 * energies at the plug. Slots are quarter hours or whatever the cell plans in.
 */
export interface NightFacts {
  readonly slotMs: number;
  readonly requests: RequestCounts;
  readonly answers: AnswerFacts;
  readonly handovers: number;
  readonly redoneRequests: number;
  /** When the batch was submitted: what would run at once would start then. */
  readonly submittedAtMs: number;
  readonly regions: readonly RegionFacts[];
  readonly feeders: readonly FeederFacts[];
  readonly vehicles: readonly VehicleFacts[];
  readonly owners: readonly OwnerFacts[];
  readonly money: MoneyFacts;
}

/** How good the answers are, and what their tokens took; each undefined where it is not what they are judged by. */
export interface AnswerFacts {
  readonly characterErrorRate?: number;
  /** Of the definitions, the share that was answered with a word that they define. */
  readonly wordsFound?: number;
  readonly tokens: TokenFacts | undefined;
}

/** As the batch tells its submitter. */
export interface TokenFacts {
  readonly read: number;
  readonly written: number;
  readonly energyWhPer1000: number;
  readonly gramsCo2Per1000: number;
}

/** From the ledger, micro-euros: what submitters paid is the sum of the others. */
export interface MoneyFacts {
  readonly submitterMicros: number;
  readonly ownerMicros: number;
  readonly energyMicros: number;
  readonly checkingMicros: number;
  readonly marginMicros: number;
}

export interface RequestCounts {
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly expired: number;
}

export interface RegionFacts {
  readonly id: string;
  /** In ascending order, without gaps. */
  readonly slots: readonly RegionSlot[];
}

interface RegionSlot {
  readonly startMs: number;
  readonly priceEurPerKwh: number;
  /** Average intensity. */
  readonly gramsCo2PerKwh: number;
  readonly ambientC: number;
}

export interface FeederFacts {
  readonly id: string;
  readonly regionId: string;
  /** Import limit in force less house load, slot by slot. */
  readonly slots: readonly { readonly startMs: number; readonly availableKw: number }[];
}

export interface VehicleFacts {
  readonly id: string;
  readonly feederId: string;
  readonly hardwareClass: SimulatedClass;
  readonly charger: Charger;
  readonly stays: readonly { readonly pluggedInAtMs: number; readonly unpluggedAtMs: number | undefined }[];
  readonly meter: readonly {
    readonly slotStartMs: number;
    readonly chargingKwh: number;
    readonly computeKwh: number;
  }[];
}

/** One car at its ready-by, in the stay that ended with it. */
export interface OwnerFacts {
  readonly vehicle: string;
  readonly displayName: string;
  readonly timeZone: string;
  readonly batteryKwh: number;
  readonly charger: Charger;
  readonly readyByMs: number;
  readonly targetSocPercent: number;
  /** At ready-by, or at departure if that came first; undefined when it was never measured. */
  readonly readyBySocPercent: number | undefined;
  readonly arrivalSocPercent: number | undefined;
  readonly pluggedInAtMs: number;
  readonly unpluggedAtMs: number | undefined;
  /** Of the whole night. */
  readonly creditEur: number;
}
