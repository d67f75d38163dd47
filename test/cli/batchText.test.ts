import pico from 'picocolors';
import { expect, test } from 'vitest';

import { batchText } from '../../cli/batchText.ts';
import { batchSchema, type BatchWire } from '../../api/wire/batch.ts';

const plain = pico.createColors(false);
const clock = (iso: string): string => iso.slice(11, 16);
const window = (start: string, end: string, region: string, shards: number) => ({
  start: `2026-01-15T${start}:00Z`,
  end: `2026-01-15T${end}:00Z`,
  region,
  shards,
  price_eur_per_kwh: 0.08,
  gco2_per_kwh: 240,
});

function batch(grid: object = {}, more: object = {}): BatchWire {
  return batchSchema.parse({
    id: 'batch_1',
    object: 'batch',
    errors: null,
    completion_window: '24h',
    output_file_id: null,
    error_file_id: null,
    created_at: 1_768_435_200,
    expires_at: 1_768_521_600,
    metadata: null,
    status: 'in_progress',
    endpoint: '/v1/embeddings',
    input_file_id: 'file-1',
    request_counts: { total: 400, completed: 200, failed: 0 },
    x_grid: {
      state: 'running',
      submitted_at: '2026-01-15T00:00:00Z',
      clock: { scale: 1 },
      deadline: '2026-01-15T08:00:00Z',
      eta: '2026-01-15T05:15:00Z',
      reasons: [{ code: 'job_waiting_for_cheaper_slot', text: 'It waits because later slots are cheaper.' }],
      planned_windows: [window('02:00', '04:00', 'berlin', 80), window('04:00', '05:00', 'lisbon', 10)],
      energy_wh: 12,
      gco2: 3,
      cost: { eur: 0.01, unpriced_wh: 0 },
      price: { amount: 0.0123, currency: 'EUR', estimate: null, cap: 0.05, quote: null },
      per_1000_tokens: null,
      cells: [],
      shards: { total: 100, pending: 25, in_flight: 25, done: 50 },
      partial_output_file_id: null,
      ...grid,
    },
    ...more,
  });
}

test('shows how far it is, when it is expected, where it runs and why it waits', () => {
  expect(batchText(batch(), clock, plain).split('\n')).toEqual([
    'batch_1  running     /v1/embeddings',
    `  ${'█'.repeat(16)}${'▒'.repeat(8)}${'░'.repeat(8)} 50 %, 200 of 400 requests`,
    '  shards     50 of 100 done, 25 with cars',
    '  due        08:00, expected by 05:15',
    '  why        It waits because later slots are cheaper.',
    `  ${' '.repeat(8)}${'█'.repeat(8)}${' '.repeat(16)} berlin`,
    `  ${' '.repeat(16)}${'▂'.repeat(4)}${' '.repeat(12)} lisbon`,
    `  00:00${' '.repeat(22)}08:00`,
    '  planned    02:00 to 04:00 in berlin: 80 shards at 0.080 EUR/kWh, 240 g/kWh',
    '  planned    04:00 to 05:00 in lisbon: 10 shards at 0.080 EUR/kWh, 240 g/kWh',
    '  used       12 Wh, 3 g CO2, 0.01 EUR of energy',
    '  price      0.0123 EUR so far, at most 0.0500',
  ]);
});

test('says how to go on when it ended with requests left, and nothing of the kind when none are', () => {
  const ended = { state: 'ended', reasons: [], planned_windows: [], eta: null };
  const expired = batchText(batch(ended, { status: 'expired' }), clock, plain);
  expect(expired).toContain('  left       200 requests; submit them again: nightshift batch resubmit batch_1');
  const counts = { total: 400, completed: 400, failed: 0 };
  expect(batchText(batch(ended, { status: 'completed', request_counts: counts }), clock, plain)).not.toContain('left');
  expect(batchText(batch(ended, { status: 'failed' }), clock, plain)).not.toContain('left');
});

test('windows at the edges of its time stay on the line', () => {
  const planned_windows = [window('00:00', '00:01', 'a', 1), window('07:59', '08:15', 'b', 1)];
  const lines = batchText(batch({ planned_windows }), clock, plain).split('\n');
  expect(lines).toContain(`  █${' '.repeat(31)} a`);
  expect(lines).toContain(`  ${' '.repeat(31)}█ b`);
});
