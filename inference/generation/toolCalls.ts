import { createHash } from 'node:crypto';

import { z } from 'zod';

import { parseJson } from '../../domain/json.ts';

export interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface ParsedAnswer {
  /** What stands before the first call; null when nothing does. */
  readonly content: string | null;
  readonly toolCalls: readonly ToolCall[];
}

const CALL = /<tool_call>\s*([\s\S]*?)\s*<\/tool_call>/g;
const callSchema = z.looseObject({ name: z.string().min(1), arguments: z.unknown() });

/** Whether a template has calls written in the one form that is read here, of Hermes and Qwen: JSON in tags. */
export function writesToolCalls(template: string): boolean {
  return template.includes('<tool_call>');
}

/**
 * The calls in an answer. A text that has none, or one that is not JSON, stays text as it is.
 * @param answerId makes the calls' ids the same on every car
 */
export function parseToolCalls(text: string, answerId: string): ParsedAnswer {
  const found = [...text.matchAll(CALL)];
  const calls = found.map(([, json = '']) => callSchema.safeParse(parseJson(json)).data);
  const [first] = found;
  if (!first || calls.includes(undefined)) return { content: text, toolCalls: [] };
  const content = text.slice(0, first.index).trim();
  return {
    content: content === '' ? null : content,
    toolCalls: calls
      .filter((call) => call !== undefined)
      .map((call, index) => ({
        id: `call_${createHash('sha256').update(`${answerId}\n${index}`).digest('hex').slice(0, 24)}`,
        type: 'function',
        function: {
          name: call.name,
          arguments: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments ?? {}),
        },
      })),
  };
}
