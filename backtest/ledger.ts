/** What one policy spent and kept in one night. */
export interface NightLedger {
  readonly night: string;
  chargeKwh: number;
  computeKwh: number;
  costEur: number;
  carbonKg: number;
  /** Energy that cars left without. It counts as bought in the night's dearest hour, and its carbon in the dirtiest. */
  missingKwh: number;
  missingCostEur: number;
  missingCarbonKg: number;
  /** Stays that were there at their ready-by and could have been ready: those that were, and those that were not. */
  readyByKept: number;
  readyByBroken: number;
  /** Stays that were there at their ready-by, but for which no policy could have been ready. */
  readyByImpossible: number;
  /** Stays that ended before their ready-by, and those of them that left without all their energy. */
  leftEarly: number;
  leftEarlyShort: number;
  shardsDone: number;
  shardsLate: number;
}

export type LedgerFigure = Exclude<keyof NightLedger, 'night'>;

const ZERO: Readonly<Record<LedgerFigure, number>> = {
  chargeKwh: 0,
  computeKwh: 0,
  costEur: 0,
  carbonKg: 0,
  missingKwh: 0,
  missingCostEur: 0,
  missingCarbonKg: 0,
  readyByKept: 0,
  readyByBroken: 0,
  readyByImpossible: 0,
  leftEarly: 0,
  leftEarlyShort: 0,
  shardsDone: 0,
  shardsLate: 0,
};

/** Ledgers by night, made when first written to. */
export class Ledger {
  readonly #nights = new Map<string, NightLedger>();

  of(night: string): NightLedger {
    const known = this.#nights.get(night);
    if (known) return known;
    const fresh = { night, ...ZERO };
    this.#nights.set(night, fresh);
    return fresh;
  }

  nights(): NightLedger[] {
    return [...this.#nights.values()].sort((a, b) => (a.night < b.night ? -1 : 1));
  }

  total(): NightLedger {
    const total: NightLedger = { night: 'total', ...ZERO };
    for (const ledger of this.#nights.values()) {
      for (const figure of LEDGER_FIGURES) total[figure] += ledger[figure];
    }
    return total;
  }
}

export const LEDGER_FIGURES: readonly LedgerFigure[] = [
  'chargeKwh',
  'computeKwh',
  'costEur',
  'carbonKg',
  'missingKwh',
  'missingCostEur',
  'missingCarbonKg',
  'readyByKept',
  'readyByBroken',
  'readyByImpossible',
  'leftEarly',
  'leftEarlyShort',
  'shardsDone',
  'shardsLate',
];
