import { describe, expect, test } from 'vitest';
import {
  countOf,
  dayLabel,
  dayNumber,
  durationWords,
  elapsedWords,
  formatCount,
  formatDecimal,
  formatDifference,
  formatLift,
  formatMeasure,
  formatMicros,
  formatP,
  formatPEquation,
  formatPlain,
  formatPlainShare,
  formatRange,
  formatShare,
  instantWords,
  isolate,
  liftDecimals,
  listWords,
  measureDecimals,
  plural,
  shorten,
  withGroups,
} from '../../src/http/view/format.ts';

describe('relative changes', () => {
  test('carry one decimal, a sign and a true minus', () => {
    expect(formatLift(-0.012)).toBe('−1.2%');
    expect(formatLift(0.003)).toBe('+0.3%');
    expect(formatRange(formatLift(-0.027), formatLift(0.003))).toBe('−2.7% to +0.3%');
  });

  test('are never a signed zero', () => {
    expect(formatLift(0)).toBe('0.0%');
    expect(formatLift(-0.0001)).toBe('0.0%');
    expect(formatLift(0.0001)).toBe('0.0%');
  });

  test('take more decimals when one would write an end that is not zero as zero', () => {
    expect(liftDecimals([-0.027, 0.003])).toBe(1);
    expect(liftDecimals([-0.027, 0.0003])).toBe(2);
    expect(liftDecimals([-0.027, 0.00003])).toBe(3);
    expect(liftDecimals([0, 0.02])).toBe(1);
  });

  test('take more decimals when one would leave the interval no width', () => {
    expect(liftDecimals([0.0101, 0.0104])).toBe(2);
  });
});

describe('numbers', () => {
  test('have their thousands apart', () => {
    expect(formatCount(834600)).toBe('834,600');
    expect(formatDecimal(-1234567.25, 2)).toBe('−1,234,567.25');
    expect(formatCount(0)).toBe('0');
  });

  test('that are not finite are said to be unknown, never printed', () => {
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const write of [formatLift, formatCount, formatShare, formatPlain, formatP]) {
        expect(write(broken)).toBe('not known');
      }
      expect(instantWords(broken)).toBe('not known');
      expect(durationWords(broken)).toBe('not known');
    }
  });

  test('of a measure show four digits of the larger, with the unit', () => {
    expect(measureDecimals([0.1812, 0.179])).toBe(4);
    expect(measureDecimals([26.83, 26.59])).toBe(2);
    expect(measureDecimals([0, 0])).toBe(0);
    expect(formatMeasure(26.8349, 2, 'EUR')).toBe('26.83 EUR');
    expect(formatDifference(0.5, 2, 'EUR')).toBe('+0.50 EUR');
    expect(formatDifference(-0.5, 2)).toBe('−0.50');
  });

  test('too small or too large for decimals keep their size', () => {
    expect(formatMeasure(1.234e-12, 8)).toBe('1.23 × 10⁻¹²');
    expect(formatPlain(2.5e-9)).toBe('2.50 × 10⁻⁹');
    expect(formatDecimal(1e22, 0)).toBe('1.00 × 10²²');
  });

  test('that are shares lose no digit that says something', () => {
    expect(formatPlainShare(0.95)).toBe('95%');
    expect(formatPlainShare(0.975)).toBe('97.5%');
    expect(formatPlainShare(1 - 0.05 / 3)).toBe('98.33%');
    expect(formatShare(0.4996, 2)).toBe('49.96%');
  });

  test('stored as millionths are written exactly, however long', () => {
    expect(formatMicros('26830000')).toBe('26.83');
    expect(formatMicros('-1')).toBe('−0.000001');
    expect(formatMicros('123456789012345678901234567890')).toBe(
      '123,456,789,012,345,678,901,234.56789',
    );
    expect(formatMicros('0')).toBe('0');
  });

  test('p has two decimals, three where two say too little, and a floor', () => {
    expect(formatP(0.37)).toBe('0.37');
    expect(formatP(0.0049)).toBe('0.005');
    expect(formatP(0.0009)).toBe('< 0.001');
    expect(formatPEquation(0)).toBe('p < 0.001');
    expect(formatPEquation(0.86)).toBe('p = 0.86');
  });
});

describe('time', () => {
  test('is written in UTC with its zone', () => {
    expect(instantWords(Date.parse('2026-11-20T12:14:59.999Z'))).toBe('2026-11-20 12:14 UTC');
    expect(dayLabel('2026-11-02')).toBe('2 Nov');
    expect(dayLabel('someday')).toBe('someday');
  });

  test('as a length takes its largest sensible unit', () => {
    expect(durationWords(30_000)).toBe('less than a minute');
    expect(durationWords(14 * 60_000)).toBe('14 minutes');
    expect(durationWords(5 * 3_600_000)).toBe('5 hours');
    expect(durationWords(9 * 86_400_000)).toBe('9 days');
    expect(elapsedWords(0.2)).toBe('under 1 ms');
    expect(elapsedWords(2400)).toBe('2.4 s');
  });

  test('counts days from 1', () => {
    expect(dayNumber(0, 0)).toBe(1);
    expect(dayNumber(0, 86_400_000 - 1)).toBe(1);
    expect(dayNumber(0, 86_400_000)).toBe(2);
  });
});

describe('words', () => {
  test('agree with their count', () => {
    expect(countOf(1, 'user')).toBe('1 user');
    expect(countOf(2, 'company')).toBe('2 companies');
    expect(plural('day')).toBe('days');
    expect(plural('search')).toBe('searches');
    expect(listWords(['a', 'b', 'c'])).toBe('a, b and c');
    expect(listWords([])).toBe('');
  });

  test('are cut between characters, not inside them', () => {
    expect(shorten('😀😀😀😀', 3)).toBe('😀😀…');
    expect(shorten('short', 10)).toBe('short');
  });

  test('written right to left are set apart from the numbers beside them', () => {
    expect(isolate('שלום')).toBe('\u2068שלום\u2069');
    expect(isolate('Bookings')).toBe('Bookings');
  });

  test('of the engine get their thousands apart, but not ids, versions or decimals', () => {
    expect(withGroups('(control 427308, b 1001)')).toBe('(control 427,308, b 1001)');
    expect(withGroups('ranker@123456 and 0.123456 and a-123456')).toBe(
      'ranker@123456 and 0.123456 and a-123456',
    );
  });
});
