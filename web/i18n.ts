import { en } from './messages/en.ts';

/**
 * Every text of the page is in one catalogue per language. A new language is a file beside messages/en.ts with the same
 * keys, which its type demands, and a line here.
 */
export type Messages = { readonly [Key in keyof typeof en]: (typeof en)[Key] extends string ? string : Plural };
export type MessageKey = keyof typeof en;
interface Plural {
  readonly one: string;
  readonly other: string;
}

const CATALOGUES: Readonly<Record<string, Messages>> = { en };
const FALLBACK = 'en';

let chosen = FALLBACK;
let messages: Messages = en;

/** Takes the first of the reader's languages that there is a catalogue for. */
export function chooseLanguage(wanted: readonly string[]): void {
  const found = wanted.find((each) => CATALOGUES[each.split('-')[0] ?? ''] !== undefined) ?? FALLBACK;
  chosen = found;
  messages = CATALOGUES[found.split('-')[0] ?? ''] ?? en;
}

/** With its region, so that numbers and times are written as the reader is used to. */
export function language(): string {
  return chosen;
}

/** A text, with `{name}` filled in; of a text with a plural, by its `count`. */
export function t(key: MessageKey, values: Readonly<Record<string, string | number>> = {}): string {
  const message: string | Plural = messages[key];
  const text =
    typeof message === 'string'
      ? message
      : message[new Intl.PluralRules(chosen).select(Number(values.count)) === 'one' ? 'one' : 'other'];
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name] ?? '';
    return typeof value === 'number' ? new Intl.NumberFormat(chosen).format(value) : value;
  });
}
