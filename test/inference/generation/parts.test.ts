import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { AnswerText } from '../../../inference/generation/answerText.ts';
import { openChatTemplate } from '../../../inference/generation/chatTemplate.ts';
import { philox, uniform } from '../../../inference/generation/philox.ts';
import { adjustLogits, chooseToken, logprobsAt } from '../../../inference/generation/sampling.ts';
import { parseToolCalls } from '../../../inference/generation/toolCalls.ts';

describe('philox', () => {
  test('gives the numbers that its authors publish', () => {
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    expect(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ]);
  });

  test('is spread evenly', () => {
    const draws = Array.from({ length: 10_000 }, (_, position) => uniform([1, 2], 0, position));
    expect(draws.every((draw) => draw >= 0 && draw < 1)).toBe(true);
    expect(draws.reduce((sum, draw) => sum + draw, 0) / draws.length).toBeCloseTo(0.5, 1);
  });
});

const logits = () => Float32Array.of(1, 3, 3, -2);
const at = (draw: number, topP = 1) => chooseToken(logits(), { temperature: 1, topP }, draw);

describe('chooseToken', () => {
  test('takes the lowest id of the likeliest at temperature 0', () => {
    expect(chooseToken(logits(), { temperature: 0, topP: 1 }, 0.9)).toBe(1);
  });
  test('draws by probability, in order of id', () => {
    expect([at(0), at(0.1), at(0.6), at(0.9999)]).toEqual([0, 1, 2, 3]);
    expect([at(0, 0.9), at(0.49, 0.9), at(0.51, 0.9), at(0.9999, 0.9)]).toEqual([1, 1, 2, 2]);
  });
  test('never draws what is left out of top_p, and keeps at least one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 50 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (numbers, topP, draw) => {
          const id = chooseToken(Float32Array.from(numbers), { temperature: 1, topP }, draw);
          const weight = (each: number) => Math.exp(each - Math.max(...numbers));
          const likelier = numbers.filter((each) => weight(each) > weight(numbers[id ?? 0] ?? 0));
          const sum = (of: number[]) => of.reduce((total, each) => total + weight(each), 0);
          expect(sum(likelier) / sum(numbers)).toBeLessThan(topP + 1e-5);
        },
      ),
    );
  });
  test('has no token where all are banned', () => {
    expect(chooseToken(Float32Array.of(-Infinity, Number.NaN), { temperature: 1, topP: 1 }, 0.5)).toBeUndefined();
  });
});

test('penalties count the answer’s own tokens', () => {
  const even = Float32Array.of(1, 1, 1);
  const options = {
    temperature: 1,
    topP: 1,
    presencePenalty: 0.5,
    frequencyPenalty: 0.25,
    logitBias: new Map([[2, -100]]),
  };
  adjustLogits(even, options, new Map([[1, 2]]), undefined);
  expect([...even]).toEqual([1, 0, -Infinity]);
});

test('logprobs are those of a softmax', () => {
  const place = logprobsAt(Float32Array.of(0, Math.log(3), -Infinity), 2)(0);
  expect(place.logprob).toBeCloseTo(Math.log(0.25), 6);
  expect(place.top.map(({ id }) => id)).toEqual([1, 0]);
});

describe('AnswerText', () => {
  test('shows whole characters and holds back what may be a stop string', () => {
    const text = new AnswerText(['###', 'END'], false);
    const shown: string[] = [];
    for (const bytes of [
      Buffer.from([0xc3]),
      Buffer.from([0xa9]),
      Buffer.from('x#'),
      Buffer.from('#y'),
      Buffer.from('EN'),
      Buffer.from('D more'),
    ]) {
      text.push(bytes);
      shown.push(text.release(false));
    }
    expect(shown).toEqual(['', 'é', 'x', '##y', '', '']);
    expect(text.stopped).toBe(true);
    expect(text.text).toBe('éx##y');
  });

  test('shows the same however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.array(fc.nat(9), { minLength: 1 }),
        fc.string({ minLength: 1, maxLength: 3 }),
        (whole, cuts, stop) => {
          const bytes = Buffer.from(whole);
          const text = new AnswerText([stop], false);
          let shown = '';
          for (let at = 0, cut = 0; at < bytes.length; cut += 1) {
            const end = at + 1 + (cuts[cut % cuts.length] ?? 0);
            text.push(bytes.subarray(at, end));
            shown += text.release(false);
            at = end;
          }
          text.end();
          shown += text.release(true);
          const found = Buffer.from(whole).toString('utf8').indexOf(stop);
          expect(shown).toBe(found === -1 ? bytes.toString('utf8') : bytes.toString('utf8').slice(0, found));
        },
      ),
    );
  });
});

describe('chat templates', () => {
  const messages = [{ role: 'user' as const, content: 'x' }];
  const render = (source: string) => openChatTemplate(source, { bos_token: '<s>' }).render({ messages }, 1_764_000_000);

  test('get the request’s day, the special tokens and messages', () => {
    expect(render("{{ bos_token }}{{ messages[0].content }} {{ strftime_now('%d %B %Y') }}")).toBe(
      '<s>x 24 November 2025',
    );
  });
  test.each([
    [
      'loop for ever',
      '{% for i in range(1000000000) %}{% for j in range(1000000000) %}{% endfor %}{% endfor %}',
      '1000 ms',
    ],
    [
      'double a text',
      "{% set n = namespace(x='aaaa') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
      'Invalid string length',
    ],
    ['write too much', '{% for i in range(5000) %}' + 'y'.repeat(1_000) + '{% endfor %}', 'characters'],
    ['refuse', "{{ raise_exception('Only one system message') }}", 'Only one system message'],
  ])('that %s are ended', (_, source, message) => {
    expect(() => render(source)).toThrow(message);
  });
});

test('reads calls of tools, and leaves what is none', () => {
  const call = '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>';
  expect(parseToolCalls(`Let me see.\n${call}${call}`, 'id')).toMatchObject({
    content: 'Let me see.',
    toolCalls: [{ type: 'function', function: { name: 'f', arguments: '{"x":1}' } }, { function: { name: 'f' } }],
  });
  expect(parseToolCalls(call, 'id').content).toBeNull();
  expect(parseToolCalls('<tool_call>{broken</tool_call>', 'id').toolCalls).toEqual([]);
});
