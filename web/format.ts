import { language } from './i18n.ts';

/** Numbers and times as the reader's language writes them. */

const NONE = '–';
const numberFormats = new Map<string, Intl.NumberFormat>();
const timeFormats = new Map<string, Intl.DateTimeFormat>();

export function number(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const key = `${language()} ${digits}`;
  const known = numberFormats.get(key);
  const format =
    known ?? new Intl.NumberFormat(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
  if (!known) numberFormats.set(key, format);
  // A value that rounds to nothing is not written as "-0".
  return format.format(Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value);
}

export function withUnit(value: number | null | undefined, unit: string, digits = 0): string {
  const text = number(value, digits);
  return text === NONE ? NONE : `${text} ${unit}`;
}

/** Power with as many digits as tell something. */
export function kw(value: number | null | undefined): string {
  return withUnit(value, 'kW', value !== null && value !== undefined && Math.abs(value) < 100 ? 1 : 0);
}

export function percent(share: number | null | undefined, digits = 0): string {
  return share === null || share === undefined ? NONE : withUnit(share * 100, '%', digits);
}

export function eur(value: number | null | undefined, digits = 2): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  return money(value, 'EUR', digits);
}

/** An amount in a currency of ISO 4217; with as many digits as that has, unless more are said. */
export function money(value: number, currency: string, digits?: number): string {
  const fraction = digits === undefined ? {} : { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(language(), { style: 'currency', currency, ...fraction }).format(value);
}

/** Price of power, in cents as people say it. */
export function cents(eurPerKwh: number | null | undefined): string {
  return withUnit(eurPerKwh === null || eurPerKwh === undefined ? eurPerKwh : eurPerKwh * 100, 'ct/kWh', 1);
}

/** Mass of CO2, in the unit that reads well. */
export function co2(grams: number | null | undefined): string {
  if (grams === null || grams === undefined) return NONE;
  return Math.abs(grams) >= 1_000 ? withUnit(grams / 1_000, 'kg', 2) : withUnit(grams, 'g');
}

export function time(ms: number | null | undefined, timeZone: string): string {
  return formatted(ms, timeZone, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}

export function dayAndTime(ms: number | null | undefined, timeZone: string): string {
  return formatted(ms, timeZone, { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}

/**
 * The planner's reasons with their times of day on the clock of a place, as all other times beside them.
 * @param text has times as `00:45 UTC` @param atMs on which day
 */
export function onClockOf(timeZone: string, text: string, atMs: number): string {
  return text.replace(/\b(\d\d):(\d\d) UTC\b/g, (_, hour: string, minute: string) =>
    time(new Date(atMs).setUTCHours(Number(hour), Number(minute)), timeZone),
  );
}

export function date(ms: number | null | undefined, timeZone: string): string {
  return formatted(ms, timeZone, { day: 'numeric', month: 'short' });
}

function formatted(ms: number | null | undefined, timeZone: string, options: Intl.DateTimeFormatOptions): string {
  if (ms === null || ms === undefined) return NONE;
  const key = `${language()} ${timeZone} ${JSON.stringify(options)}`;
  const known = timeFormats.get(key);
  const format = known ?? new Intl.DateTimeFormat(language(), { ...options, timeZone });
  if (!known) timeFormats.set(key, format);
  return format.format(ms);
}

/** Name of a place from its time zone: the last part, as people say it. */
export function placeOf(timeZone: string): string {
  return (timeZone.split('/').at(-1) ?? timeZone).replaceAll('_', ' ');
}

/** A length of time in its two largest units. */
export function duration(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours === 0) return `${rest} min`;
  if (hours < 24) return `${hours} h ${String(rest).padStart(2, '0')}`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
