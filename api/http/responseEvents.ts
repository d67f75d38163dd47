import { z } from '@hono/zod-openapi';

import type { NightshiftError } from '../../domain/errors.ts';
import type { AnswerWriter, StreamEvent } from './streamedGeneration.ts';

const itemSchema = z.looseObject({
  id: z.string(),
  type: z.string(),
  content: z.array(z.looseObject({ text: z.string(), logprobs: z.array(z.unknown()).optional() })).optional(),
  arguments: z.string().optional(),
  name: z.string().optional(),
});
/** What a finished response has that its events still have to say. */
export const responseBodySchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  output: z.array(itemSchema),
});
type Item = z.output<typeof itemSchema>;

export interface ResponseEventOptions {
  /** Of the message, should there be one. */
  readonly messageId: string;
  /** The response before it has an answer. */
  readonly frame: object;
  readonly write: (event: StreamEvent) => void;
  /** What becomes of the whole response before it is told, e.g. that it is stored. */
  readonly finish: (body: unknown) => Promise<unknown>;
}

/** Says a response in the events of OpenAI's Responses API: the message grows by deltas, calls come whole. */
export class ResponseEvents implements AnswerWriter {
  readonly #options: ResponseEventOptions;
  #sequence = 0;
  #said: string | undefined;

  constructor(options: ResponseEventOptions) {
    this.#options = options;
    for (const type of ['response.created', 'response.in_progress']) this.#write(type, { response: options.frame });
  }

  add(_choice: number, text: string): void {
    if (text === '') return;
    this.#beginMessage();
    this.#said += text;
    const { messageId: item_id } = this.#options;
    this.#write('response.output_text.delta', { item_id, ...FIRST_PART, delta: text, logprobs: [] });
  }

  async end(body: unknown): Promise<void> {
    const finished = await this.#options.finish(body);
    const { output, status } = responseBodySchema.parse(finished);
    for (const [index, item] of output.entries()) {
      if (item.type === 'message') this.#endMessage(item);
      else this.#call(item, index);
    }
    this.#write(status === 'incomplete' ? 'response.incomplete' : 'response.completed', { response: finished });
  }

  failure({ code, message, field }: NightshiftError): StreamEvent {
    const told = { code, message, param: field ?? null };
    return this.#event('error', { ...told, error: { ...told, type: 'server_error' } });
  }

  #beginMessage(): void {
    if (this.#said !== undefined) return;
    this.#said = '';
    const { messageId: id } = this.#options;
    const item = { id, type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    this.#write('response.output_item.added', { output_index: 0, item });
    this.#write('response.content_part.added', { item_id: id, ...FIRST_PART, part: { ...EMPTY_PART } });
  }

  #endMessage(item: Item): void {
    const [part] = item.content ?? [];
    const text = part?.text ?? '';
    this.#beginMessage();
    const said = this.#said ?? '';
    if (text.startsWith(said)) this.add(0, text.slice(said.length));
    const place = { item_id: item.id, ...FIRST_PART };
    this.#write('response.output_text.done', { ...place, text, logprobs: part?.logprobs ?? [] });
    this.#write('response.content_part.done', { ...place, part });
    this.#write('response.output_item.done', { output_index: 0, item });
  }

  #call(item: Item, index: number): void {
    const place = { output_index: index, item_id: item.id };
    const { arguments: given = '', name } = item;
    const begun = { ...item, arguments: '', status: 'in_progress' };
    this.#write('response.output_item.added', { output_index: index, item: begun });
    this.#write('response.function_call_arguments.delta', { ...place, delta: given });
    this.#write('response.function_call_arguments.done', { ...place, name, arguments: given });
    this.#write('response.output_item.done', { output_index: index, item });
  }

  #write(type: string, fields: object): void {
    this.#options.write(this.#event(type, fields));
  }

  #event(type: string, fields: object): StreamEvent {
    return { event: type, data: JSON.stringify({ type, sequence_number: this.#sequence++, ...fields }) };
  }
}

const FIRST_PART = { output_index: 0, content_index: 0 };
const EMPTY_PART = { type: 'output_text', text: '', annotations: [], logprobs: [] };
