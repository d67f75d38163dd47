import { runInNewContext } from 'node:vm';

import { Template } from '@huggingface/jinja';

import { textOf, type ChatCompletionRequest, type ChatMessage } from '../../domain/generation.ts';
import { parseJson } from '../../domain/json.ts';
import { BadRequest } from '../runner/openInference.ts';
import { messageOf } from '../../domain/thrown.ts';

export interface ChatTemplate {
  /** Whether the template says anything of tools. */
  readonly takesTools: boolean;
  /** How the template has calls written, where that is known. */
  readonly source: string;
  /** @throws BadRequest when the template refuses the messages or goes beyond its limits */
  render(request: Pick<ChatCompletionRequest, 'messages' | 'tools' | 'tool_choice'>, createdAtSeconds: number): string;
}

/** Templates come with models, which are not trusted: some loop for ever, some double a text until memory ends. */
const RENDER_LIMIT_MS = 1_000;
const MAX_RENDERED_CHARACTERS = 4_000_000;
const MAX_TEMPLATE_CHARACTERS = 200_000;

/** @throws Error when it is no Jinja template */
export function openChatTemplate(source: string, specialTokens: Readonly<Record<string, string>>): ChatTemplate {
  if (source.length > MAX_TEMPLATE_CHARACTERS) {
    throw new Error(`The chat template has more than ${MAX_TEMPLATE_CHARACTERS} characters.`);
  }
  // Jinja's own tells the day of the car: then no two cars would render the same prompt.
  const template = new Template(source.replaceAll(/\bstrftime_now\b/g, 'strftime_request'));
  return {
    source,
    takesTools: /\btools\b/.test(source),
    render: ({ messages, tools, tool_choice: toolChoice }, createdAtSeconds) => {
      const render = (): string =>
        template.render({
          ...specialTokens,
          messages: messages.map(templateMessage),
          add_generation_prompt: true,
          ...(tools && toolChoice !== 'none' && { tools }),
          strftime_request: (format: string) => strftime(format, new Date(createdAtSeconds * 1_000)),
        });
      const rendered = bounded(render);
      if (rendered.length > MAX_RENDERED_CHARACTERS) {
        throw refused(`renders more than ${MAX_RENDERED_CHARACTERS} characters`);
      }
      return rendered;
    },
  };
}

/** The only way to end code that does not come back by itself: V8 stops what a script of its own context calls. */
function bounded(render: () => string): string {
  try {
    return String(runInNewContext('render()', { render }, { timeout: RENDER_LIMIT_MS }));
  } catch (error) {
    const message = messageOf(error);
    throw refused(
      /timed out/.test(message) ? `takes longer than ${RENDER_LIMIT_MS} ms` : `says: ${message.slice(0, 200)}`,
    );
  }
}

function refused(why: string): BadRequest {
  return new BadRequest('template_refused', 'messages', `The model's chat template ${why.replace(/\.$/, '')}.`);
}

/** Templates want texts, call arguments as objects, and know no developer. */
function templateMessage(message: ChatMessage): Record<string, unknown> {
  const content = textOf(message.content);
  if (message.role !== 'assistant') {
    return { ...message, role: message.role === 'developer' ? 'system' : message.role, content };
  }
  const { tool_calls: calls, name } = message;
  return {
    role: 'assistant',
    content,
    ...(name !== undefined && { name }),
    ...(calls && {
      tool_calls: calls.map((call) => ({
        ...call,
        function: { ...call.function, arguments: parseJson(call.function.arguments) ?? call.function.arguments },
      })),
    }),
  };
}

const MONTH_NAMES = 'January February March April May June July August September October November December'.split(' ');

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** What templates use of it, in UTC. */
function strftime(format: string, date: Date): string {
  const month = MONTH_NAMES[date.getUTCMonth()] ?? '';
  const fields: Readonly<Record<string, string>> = {
    d: two(date.getUTCDate()),
    m: two(date.getUTCMonth() + 1),
    Y: String(date.getUTCFullYear()),
    b: month.slice(0, 3),
    B: month,
    H: two(date.getUTCHours()),
    M: two(date.getUTCMinutes()),
    S: two(date.getUTCSeconds()),
  };
  return format.replaceAll(/%([a-zA-Z])/g, (whole, field: string) => fields[field] ?? whole);
}
