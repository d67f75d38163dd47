import { LEDGER_FIGURES, type NightLedger } from './ledger.ts';

/** What one policy did in the whole scenario. */
export interface PolicyResult {
  readonly policy: string;
  readonly nights: readonly NightLedger[];
  readonly total: NightLedger;
  readonly plans: number;
  readonly meanPlanMs: number;
  readonly slowestPlanMs: number;
}

/** Cost with the carbon weight, energy that cars left without included: what policies are compared by. */
export function settledEur(ledger: NightLedger, carbonEurPerKg: number): number {
  const { costEur, missingCostEur, carbonKg, missingCarbonKg } = ledger;
  return costEur + missingCostEur + carbonEurPerKg * (carbonKg + missingCarbonKg);
}

/** The part of what could have been saved against the first policy that another saved; undefined where that is nothing. */
export function capturedShare(firstEur: number, policyEur: number, clairvoyantEur: number): number | undefined {
  const possible = firstEur - clairvoyantEur;
  return possible > 1e-9 ? (firstEur - policyEur) / possible : undefined;
}

/** What a kWh that a car left without may be worth: from a cheap charge at home tomorrow to a public fast charger. */
const MISSING_EUR_PER_KWH = [0.1, 0.3, 0.6] as const;

/** Cost with the carbon weight, missing energy and late shards at the given worth. */
export function valuedEur(
  ledger: NightLedger,
  worth: { readonly carbonEurPerKg: number; readonly missingEurPerKwh: number; readonly lateEurPerShard: number },
): number {
  const { costEur, carbonKg, missingKwh, shardsLate } = ledger;
  return (
    costEur + worth.carbonEurPerKg * carbonKg + worth.missingEurPerKwh * missingKwh + worth.lateEurPerShard * shardsLate
  );
}

/** The tables that a person reads: one line per policy; shares are against the first and the last of them. */
export function resultTable(
  results: readonly PolicyResult[],
  worth: { readonly carbonEurPerKg: number; readonly lateEurPerShard: number },
): string {
  return `${settledTable(results, worth.carbonEurPerKg)}\n${valuedTable(results, worth)}`;
}

function valuedTable(
  results: readonly PolicyResult[],
  worth: { readonly carbonEurPerKg: number; readonly lateEurPerShard: number },
): string {
  const headings = [
    'EUR+carbon+late, a missing kWh at',
    ...MISSING_EUR_PER_KWH.flatMap((value) => [value.toFixed(2), '% captured']),
    'missing %',
  ];
  const columns = MISSING_EUR_PER_KWH.map((missingEurPerKwh) =>
    results.map(({ total }) => valuedEur(total, { ...worth, missingEurPerKwh })),
  );
  const rows = results.map(({ policy, total }, index) => [
    policy,
    ...columns.flatMap((column) => [
      (column[index] ?? 0).toFixed(2),
      percent(capturedShare(column[0] ?? 0, column[index] ?? 0, column.at(-1) ?? 0)),
    ]),
    percent(total.missingKwh / Math.max(Number.MIN_VALUE, total.missingKwh + total.chargeKwh)),
  ]);
  return aligned([headings, ...rows]);
}

function percent(share: number | undefined): string {
  return share === undefined ? '-' : (100 * share).toFixed(1);
}

function settledTable(results: readonly PolicyResult[], carbonEurPerKg: number): string {
  const settled = results.map(({ total }) => settledEur(total, carbonEurPerKg));
  const rows = results.map(({ policy, total, plans, meanPlanMs }, index) => {
    const share = capturedShare(settled[0] ?? 0, settled[index] ?? 0, settled.at(-1) ?? 0);
    return [
      policy,
      (total.costEur + total.missingCostEur).toFixed(2),
      (total.carbonKg + total.missingCarbonKg).toFixed(1),
      (settled[index] ?? 0).toFixed(2),
      percent(share),
      total.missingKwh.toFixed(1),
      `${total.readyByKept}/${total.readyByBroken}/${total.readyByImpossible}`,
      `${total.leftEarly}/${total.leftEarlyShort}`,
      `${Math.round(total.shardsDone)}/${Math.round(total.shardsLate)}`,
      `${plans} x ${meanPlanMs.toFixed(1)}`,
    ];
  });
  return aligned([HEADINGS, ...rows]);
}

function aligned(table: readonly (readonly string[])[]): string {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))),
    )
    .map((row) => `${row.join('  ')}\n`)
    .join('');
}

const HEADINGS = [
  'policy',
  'EUR',
  'kg CO2',
  'EUR+carbon',
  '% captured',
  'missing kWh',
  'ready kept/broken/impossible',
  'left early/short',
  'shards done/late',
  'plans x ms',
];

/** One line per night and policy, as CSV. */
export function nightsCsv(results: readonly PolicyResult[]): string {
  const lines = results.flatMap(({ policy, nights }) =>
    nights.map((ledger) =>
      [ledger.night, policy, ...LEDGER_FIGURES.map((figure) => Number(ledger[figure].toFixed(6)))].join(','),
    ),
  );
  return `${['night', 'policy', ...LEDGER_FIGURES].join(',')}\n${lines.join('\n')}\n`;
}
