import type { Colors } from '../console/journalText.ts';
import { placeOf, wallClock } from '../console/places.ts';
import { grouped } from '../console/progressText.ts';
import type { NightFacts } from './facts.ts';
import type { NightReport } from './nightReport.ts';

const WIDTH = 92;

/** The table at the end of the night, ready to print. */
export function reportText(report: NightReport, facts: NightFacts, colors: Colors): string {
  const { total, completed, failed, expired } = report.requests;
  const { energyKwh, cost, gramsCo2 } = report;
  return [
    colors.bold('The night in figures'),
    '',
    figure('Requests', `${grouped(total)}: ${grouped(completed)} answered, ${failed} failed, ${expired} expired`),
    ...answerLines(report),
    figure(
      'Energy at the plug',
      `${energyKwh.compute.toFixed(1)} kWh compute, ${energyKwh.charging.toFixed(1)} kWh charging`,
    ),
    figure('Handovers', `${report.handovers}, ${report.redoneRequests} requests computed again`),
    '',
    colors.dim(columns(['', 'planned', 'run now', 'saved'])),
    columns(['Cost', `${cost.planned.toFixed(2)} EUR`, `${cost.runNow.toFixed(2)} EUR`, saved(cost)]),
    columns(['CO2', `${kilograms(gramsCo2.planned)} kg`, `${kilograms(gramsCo2.runNow)} kg`, saved(gramsCo2)]),
    '',
    ...moneyLines(report),
    '',
    colors.dim(ownerColumns(['Car', 'Ready by', 'SoC', 'Target', 'Earned', ''])),
    ...ownerLines(report, facts, colors),
    '',
    ...wrapped(`Run now: ${report.runNowMethod}`).map((line) => colors.dim(line)),
  ].join('\n');
}

function answerLines({ characterErrorRate, wordsFound, tokens }: NightReport): string[] {
  return [
    ...(wordsFound === null
      ? [figure('Character error rate', characterErrorRate === null ? 'nothing answered' : percent(characterErrorRate))]
      : [figure('Words found', `${percent(wordsFound)} of the definitions`)]),
    ...(tokens === null
      ? []
      : [
          figure('Tokens', `${grouped(tokens.read)} read, ${grouped(tokens.written)} written`),
          figure(
            'For 1,000 tokens',
            `${tokens.energyWhPer1000.toFixed(1)} Wh, ${tokens.gramsCo2Per1000.toFixed(1)} g CO2`,
          ),
        ]),
  ];
}

function moneyLines({ money }: NightReport): string[] {
  const { submitters, owners, energy, checking, margin } = money;
  return [
    figure('Submitters paid', `${eur(submitters)} EUR`),
    figure(
      '',
      `= ${eur(owners)} owners + ${eur(energy)} energy + ${eur(checking)} checking ` +
        `${margin < 0 ? '-' : '+'} ${eur(Math.abs(margin))} margin`,
    ),
  ];
}

function ownerLines(report: NightReport, facts: NightFacts, colors: Colors): string[] {
  return facts.owners.map((owner, index) => {
    const place = placeOf(owner.timeZone);
    const figures = report.owners[index];
    const soc = figures?.readyBySoc ?? null;
    const line = ownerColumns([
      owner.displayName,
      `${wallClock(owner.readyByMs, place)} ${place.name}`,
      soc === null ? 'unknown' : `${soc.toFixed(1)} %`,
      `${owner.targetSocPercent} %`,
      `${owner.creditEur.toFixed(2)} EUR`,
      figures?.missedByUs ? 'missed' : '',
    ]);
    return figures?.missedByUs ? colors.red(line) : line;
  });
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function eur(amount: number): string {
  return amount.toFixed(2);
}

function figure(name: string, value: string): string {
  return `  ${name.padEnd(22)}${value}`;
}

function columns([name = '', ...values]: readonly string[]): string {
  return `  ${name.padEnd(22)}${values.map((value) => value.padStart(12)).join('')}`;
}

function ownerColumns([
  car = '',
  readyBy = '',
  soc = '',
  target = '',
  earned = '',
  note = '',
]: readonly string[]): string {
  const cells = [car.padEnd(22), readyBy.padEnd(16), soc.padStart(8), target.padStart(8), earned.padStart(11), note];
  return `  ${cells.join('  ')}`.trimEnd();
}

function saved({ planned, runNow }: { readonly planned: number; readonly runNow: number }): string {
  return runNow === 0 ? '' : `${((1 - planned / runNow) * 100).toFixed(1)} %`;
}

function kilograms(grams: number): string {
  return (grams / 1000).toFixed(1);
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines;
}
