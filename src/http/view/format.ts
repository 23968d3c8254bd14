/**
 * Numbers to words: the only place where a proportion becomes a per cent and an instant becomes text.
 * Every function gives text for every finite number; what is not finite is a bug upstream and is said
 * as 'not known', so that a page never prints a broken number.
 */
import { formatInstant, MS_PER_DAY, MS_PER_HOUR, utcDay } from '../../domain/time.ts';

const MINUS = '−';
const NOT_KNOWN = 'not known';
const MS_PER_MINUTE = 60_000;
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const NUMBER_WORDS = 'no one two three four five six seven eight nine ten eleven twelve'.split(' ');
const SUPERSCRIPTS: Readonly<Record<string, string>> = {
  '-': '⁻',
  '0': '⁰',
  '1': '¹',
  '2': '²',
  '3': '³',
  '4': '⁴',
  '5': '⁵',
  '6': '⁶',
  '7': '⁷',
  '8': '⁸',
  '9': '⁹',
};

/** 1234.5, 1 -> '1,234.5'; a true minus; never '−0'. */
export function formatDecimal(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return NOT_KNOWN;
  const size = Math.abs(value);
  if (size >= 1e21) return `${value < 0 ? MINUS : ''}${scientific(size)}`;
  const [whole = '0', fraction] = size.toFixed(decimals).split('.');
  const digits = fraction === undefined ? group(whole) : `${group(whole)}.${fraction}`;
  return value < 0 && /[1-9]/.test(digits) ? MINUS + digits : digits;
}

/** As `formatDecimal`, with a plus before what is above zero after rounding. */
export function formatSigned(value: number, decimals: number): string {
  const text = formatDecimal(value, decimals);
  return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** 834600 -> '834,600'. */
export function formatCount(count: number): string {
  return formatDecimal(count, Number.isInteger(count) ? 0 : 1);
}

/** A share as a per cent without a sign: 0.4996, 2 -> '49.96%'. */
export function formatShare(share: number, decimals = 1): string {
  return Number.isFinite(share) ? `${formatDecimal(share * 100, decimals)}%` : NOT_KNOWN;
}

/** A share with as few digits as say it: 0.95 -> '95%', 0.975 -> '97.5%', 0.0125 -> '1.25%'. */
export function formatPlainShare(share: number): string {
  return Number.isFinite(share) ? `${formatPlain(Number((share * 100).toFixed(2)))}%` : NOT_KNOWN;
}

/** A relative change, one decimal and signed: -0.012 -> '−1.2%'. */
export function formatLift(change: number, decimals = 1): string {
  return Number.isFinite(change) ? `${formatSigned(change * 100, decimals)}%` : NOT_KNOWN;
}

/** The size of a relative change, for sentences that say the direction in words: -0.012 -> '1.2%'. */
export function formatLiftSize(change: number, decimals = 1): string {
  return formatShare(Math.abs(change), decimals);
}

/**
 * Decimals for one estimate and its interval: one, unless that would write an end that is not zero as
 * zero, or leave the interval no width. Three at most.
 */
export function liftDecimals(values: readonly number[]): number {
  const sizes = values
    .filter((value) => Number.isFinite(value))
    .map((value) => Math.abs(value * 100));
  const width = Math.max(...values.map((v) => v * 100)) - Math.min(...values.map((v) => v * 100));
  const reads = (decimals: number) => {
    const half = 0.5 * 10 ** -decimals;
    return sizes.every((size) => size === 0 || size >= half) && (width === 0 || width >= 2 * half);
  };
  return [1, 2].find(reads) ?? 3;
}

/** '−2.7% to +0.3%'. */
export function formatRange(lower: string, upper: string): string {
  return `${lower} to ${upper}`;
}

/** Decimals that show four significant digits of the largest of some measured values. */
export function measureDecimals(values: readonly number[]): number {
  const largest = Math.max(0, ...values.filter((v) => Number.isFinite(v)).map((v) => Math.abs(v)));
  if (largest === 0) return 0;
  return Math.min(8, Math.max(0, 3 - Math.floor(Math.log10(largest))));
}

/** A measured value with its unit: 26.83, 2, 'EUR' -> '26.83 EUR'. */
export function formatMeasure(value: number, decimals: number, unit = ''): string {
  const tiny = value !== 0 && Math.abs(value) < 0.5 * 10 ** -decimals && decimals === 8;
  const text = tiny
    ? `${value < 0 ? MINUS : ''}${scientific(Math.abs(value))}`
    : formatDecimal(value, decimals);
  return unit === '' ? text : `${text} ${unit}`;
}

/** A difference of measured values, signed. */
export function formatDifference(value: number, decimals: number, unit = ''): string {
  const text = formatMeasure(value, decimals, unit);
  return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** Digits as they are, thousands apart: 0.05 -> '0.05', 1000000 -> '1,000,000'. */
export function formatPlain(value: number): string {
  if (!Number.isFinite(value)) return NOT_KNOWN;
  const rounded = Number(value.toPrecision(12));
  const size = Math.abs(rounded);
  if (size !== 0 && (size < 1e-6 || size >= 1e21)) {
    return `${rounded < 0 ? MINUS : ''}${scientific(size)}`;
  }
  const fraction = String(size).split('.')[1] ?? '';
  return formatDecimal(rounded, fraction.length);
}

/** Decimal text of any length: '−1,234,567.25'. */
function formatExact(text: string): string {
  const match = /^(-?)(\d+)(\.\d+)?$/.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', fraction = ''] = match;
  return `${sign === '-' ? MINUS : ''}${group(whole)}${fraction.replace(/\.?0+$/, '')}`;
}

/** A whole number of millionths, as exact sums are stored: '26830000' -> '26.83'. */
export function formatMicros(micros: string): string {
  const match = /^(-?)(\d+)$/.exec(micros);
  if (match === null) return micros;
  const digits = (match[2] ?? '').padStart(7, '0');
  return formatExact(`${match[1]}${digits.slice(0, -6)}.${digits.slice(-6)}`);
}

/** Two decimals, three below 0.01, '< 0.001' below that. */
export function formatP(p: number): string {
  if (!Number.isFinite(p)) return NOT_KNOWN;
  if (p < 0.001) return '< 0.001';
  return p.toFixed(p < 0.01 ? 3 : 2);
}

/** 'p = 0.37' or 'p < 0.001'. */
export function formatPEquation(p: number): string {
  const text = formatP(p);
  return text.startsWith('<') ? `p ${text}` : `p = ${text}`;
}

/** Milliseconds to '2026-11-20 12:14 UTC'. */
export function instantWords(instant: number): string {
  const iso = isoOf(instant);
  return iso === undefined ? NOT_KNOWN : `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** Milliseconds to what `<time datetime>` takes. */
export function instantMachine(instant: number): string {
  return isoOf(instant) ?? '';
}

/** Milliseconds to '2026-11-20'. */
export function dateWords(instant: number): string {
  return isoOf(instant)?.slice(0, 10) ?? NOT_KNOWN;
}

/** '2026-11-02' to '2 Nov', for axes; other text as it is. */
export function dayLabel(day: string): string {
  const match = /^\d{4}-(\d{2})-(\d{2})$/.exec(day);
  if (match === null) return day;
  return `${Number(match[2])} ${MONTHS[Number(match[1]) - 1] ?? ''}`;
}

/** A length of time in its largest sensible unit: '14 minutes', '3 hours', '12 days'. */
export function durationWords(ms: number): string {
  if (!Number.isFinite(ms)) return NOT_KNOWN;
  const size = Math.abs(ms);
  if (size < MS_PER_MINUTE) return 'less than a minute';
  if (size < 2 * MS_PER_HOUR) return countOf(Math.floor(size / MS_PER_MINUTE), 'minute');
  if (size < 2 * MS_PER_DAY) return countOf(Math.floor(size / MS_PER_HOUR), 'hour');
  return countOf(Math.floor(size / MS_PER_DAY), 'day');
}

/** '184 ms', '2.4 s'. */
export function elapsedWords(ms: number): string {
  if (!Number.isFinite(ms)) return NOT_KNOWN;
  if (ms < 1) return 'under 1 ms';
  return ms < 1000 ? `${formatDecimal(ms, 0)} ms` : `${formatDecimal(ms / 1000, 1)} s`;
}

/** '1 user', '2 users', '0 companies'. */
export function countOf(count: number, noun: string): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural(noun)}`;
}

/** The same with the number as a word up to twelve: 'two trials'. */
export function numberWord(count: number): string {
  return NUMBER_WORDS[count] ?? formatCount(count);
}

export function plural(noun: string): string {
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`;
  return /(s|x|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`;
}

/** ['a', 'b', 'c'] -> 'a, b and c'. */
export function listWords(items: readonly string[], joint = 'and'): string {
  if (items.length < 2) return items[0] ?? '';
  return `${items.slice(0, -1).join(', ')} ${joint} ${items.at(-1) ?? ''}`;
}

/** Thousands apart in a sentence that was made elsewhere: 'control 427308' -> 'control 427,308'. */
export function withGroups(sentence: string): string {
  return sentence.replace(/(?<![\w.@-])\d{5,15}(?![\w@-]|\.\d)/g, (digits) => group(digits));
}

export function capitalise(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** At most `length` characters, cut between code points, with an ellipsis for the rest. */
export function shorten(text: string, length: number): string {
  const points = [...text];
  return points.length <= length ? text : `${points.slice(0, length - 1).join('')}…`;
}

/**
 * A name that is written right to left, set apart from the sentence around it: attributes, SVG text
 * and plain strings cannot carry `<bdi>`.
 */
export function isolate(name: string): string {
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/.test(name) ? `\u2068${name}\u2069` : name;
}

/** A count of whole days between two instants, the first day being 1. */
export function dayNumber(from: number, to: number): number {
  return Math.max(1, Math.floor((to - from) / MS_PER_DAY) + 1);
}

export { utcDay };

function isoOf(instant: number): string | undefined {
  try {
    return formatInstant(Math.trunc(instant));
  } catch {
    return undefined;
  }
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

function scientific(size: number): string {
  const [mantissa = '', exponent = '0'] = size.toExponential(2).split('e');
  const power = [...exponent.replace('+', '')].map((digit) => SUPERSCRIPTS[digit] ?? '').join('');
  return `${mantissa} × 10${power}`;
}
