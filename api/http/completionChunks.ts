import { z } from '@hono/zod-openapi';

/** What a finished answer has that a stream still has to say. */
export const completionBodySchema = z.looseObject({
  id: z.string(),
  system_fingerprint: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.number(),
      finish_reason: z.string(),
      text: z.string().optional(),
      logprobs: z.unknown(),
      message: z
        .looseObject({ content: z.string().nullable(), tool_calls: z.array(z.looseObject({})).optional() })
        .optional(),
    }),
  ),
  usage: z.unknown(),
});
type CompletionBody = z.output<typeof completionBodySchema>;

export interface ChunkOptions {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly isChat: boolean;
  readonly write: (chunk: unknown) => void;
}

/** Cuts an answer into the chunks of a stream, as OpenAI's clients put them together again. */
export class ChunkWriter {
  readonly #options: ChunkOptions;
  readonly #said = new Map<number, string>();

  constructor(options: ChunkOptions) {
    this.#options = options;
  }

  /** The next piece of a choice's text. */
  add(choice: number, text: string): void {
    if (text === '') return;
    this.#begin(choice);
    this.#said.set(choice, `${this.#said.get(choice) ?? ''}${text}`);
    this.#write([this.#options.isChat ? part(choice, { content: text }) : textPart(choice, text)]);
  }

  /** What is left of each choice, its logprobs, why it ended, and, where asked for, the usage. */
  end(body: CompletionBody, includeUsage: boolean): void {
    for (const { index, finish_reason: reason, text, message, logprobs = null } of body.choices) {
      this.#begin(index);
      const whole = text ?? message?.content ?? '';
      const said = this.#said.get(index) ?? '';
      // A call of a tool is known as such only when it is whole.
      if (whole.startsWith(said)) this.add(index, whole.slice(said.length));
      const calls = message?.tool_calls?.map((call, at) => ({ index: at, ...call })) ?? [];
      if (calls.length > 0) this.#write([part(index, { tool_calls: calls })]);
      this.#write([
        this.#options.isChat
          ? { ...part(index, {}), logprobs, finish_reason: reason }
          : { ...textPart(index, ''), logprobs, finish_reason: reason },
      ]);
    }
    if (includeUsage) this.#write([], body.usage);
  }

  #begin(choice: number): void {
    if (this.#said.has(choice)) return;
    this.#said.set(choice, '');
    if (this.#options.isChat) this.#write([part(choice, { role: 'assistant', content: '' })]);
  }

  #write(choices: readonly unknown[], usage?: unknown): void {
    const { id, created, model, isChat, write } = this.#options;
    const object = isChat ? 'chat.completion.chunk' : 'text_completion';
    write({ id, object, created, model, choices, ...(usage !== undefined && { usage }) });
  }
}

function part(index: number, delta: object) {
  return { index, delta, logprobs: null, finish_reason: null as string | null };
}

function textPart(index: number, text: string) {
  return { index, text, logprobs: null, finish_reason: null as string | null };
}
