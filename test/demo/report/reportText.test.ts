import { createColors } from 'picocolors';
import { expect, test } from 'vitest';
import { nightReport } from '../../../demo/report/nightReport.ts';
import { reportText } from '../../../demo/report/reportText.ts';
import { hourly, nightFacts, OWNER, VEHICLE } from './facts.ts';

test('the table at the end of the night', () => {
  const facts = nightFacts({
    vehicles: [
      { ...VEHICLE, meter: hourly([0, 0, 0, 10], [0, 0, 1, 0]) },
      { ...VEHICLE, id: 'car-2', stays: [] },
    ],
    owners: [OWNER, { ...OWNER, vehicle: 'car-2', displayName: "Bela's car", readyBySocPercent: 71.26 }],
  });
  const text = reportText(nightReport(facts), facts, createColors(false));
  expect(text.split('\n').slice(0, -5)).toEqual([
    'The night in figures',
    '',
    '  Requests              10: 8 answered, 1 failed, 1 expired',
    '  Character error rate  0.20 %',
    '  Energy at the plug    1.0 kWh compute, 10.0 kWh charging',
    '  Handovers             2, 3 requests computed again',
    '',
    '                             planned     run now       saved',
    '  Cost                      1.20 EUR    4.40 EUR      72.7 %',
    '  CO2                         1.2 kg      4.4 kg      72.7 %',
    '',
    '  Submitters paid       2.00 EUR',
    '                        = 0.63 owners + 0.60 energy + 0.01 checking + 0.76 margin',
    '',
    '  Car                     Ready by               SoC    Target       Earned',
    "  Ada's car               22:00 Berlin        80.0 %      80 %     1.23 EUR",
    "  Bela's car              22:00 Berlin        71.3 %      80 %     1.23 EUR  missed",
    '',
  ]);
  expect(text).toContain('Run now: The same energy without a plan');
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(92);
});

test('a night of chats tells how many words were found and what its tokens took', () => {
  const tokens = { read: 12_345, written: 2_000, energyWhPer1000: 1.26, gramsCo2Per1000: 0.44 };
  const facts = nightFacts({ answers: { wordsFound: 0.0625, tokens } });
  const text = reportText(nightReport(facts), facts, createColors(false));
  expect(text).toContain('  Words found           6.25 % of the definitions\n');
  expect(text).toContain('  Tokens                12,345 read, 2,000 written\n');
  expect(text).toContain('  For 1,000 tokens      1.3 Wh, 0.4 g CO2\n');
  expect(text).not.toContain('Character error rate');
});
