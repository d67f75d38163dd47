import { expect, test } from 'vitest';
import { answerLine } from '../../domain/answerLine.ts';
import { parseAnswerLine } from '../../domain/batchLines.ts';

test('whole numbers of 64 bits stand in the line as they are', () => {
  const line = answerLine('job', 0, 3, 'a', { statusCode: 200, body: { data: [9007199254740993n, 1] } });
  expect(line).toContain('"body":{"data":[9007199254740993,1]}');
});

test('an answer that is too large to be kept is an error that says so, for that line alone', () => {
  const answer = { statusCode: 200, body: { data: 'x'.repeat(1_000) } };
  expect(parseAnswerLine(answerLine('job', 0, 3, 'a', answer, 2_000)).response?.body).toEqual(answer.body);
  const refused = parseAnswerLine(answerLine('job', 0, 3, 'a', answer, 1_000));
  expect(refused).toMatchObject({ custom_id: 'a', error: null, response: { status_code: 400 } });
  expect(JSON.stringify(refused.response?.body)).toContain('more than the 1000 that are kept: put fewer inputs');
});
