import { expect, test } from 'vitest';

import { countAnswers } from '../../../activities/jobs/countAnswers.ts';

const line = (usage: object, status = 200) =>
  JSON.stringify({
    id: 'r',
    custom_id: 'c',
    response: { status_code: status, request_id: 'q', body: { usage } },
    error: null,
  });

test('tokens are counted by the names of each API, once a line, and never beyond their total', () => {
  const lines = [
    line({ prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 }),
    line({ input_tokens: 2, output_tokens: 3, total_tokens: 5 }),
    line({ prompt_tokens: 4, total_tokens: 4 }),
    line({ completion_tokens: 1_000_000, total_tokens: 1 }),
    line({ completion_tokens: 'many', total_tokens: -3 }),
    line({ completion_tokens: 9, total_tokens: 9 }, 400),
  ];
  const receipt = { vehicleId: 'car-1', energyWh: 1, deviceMs: 1, partSha256: 'x', range: { start: 0, end: 6 } };
  const counted = countAnswers([receipt, receipt], [lines, lines], 'tokens');
  expect(counted).toMatchObject({ failed: 1, inputTokens: 11, outputTokens: 11 });
  expect(counted.units).toEqual(new Map([['car-1', 22]]));
});
