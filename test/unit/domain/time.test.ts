import { describe, expect, test } from 'vitest';
import {
  formatInstant,
  INSTANT_MAX,
  INSTANT_MIN,
  parseInstant,
  utcDay,
} from '../../../src/domain/time.ts';
import { dice } from '../../support/factories.ts';

const random = dice(20_260_105);
const INSTANTS = Array.from({ length: 5000 }, () =>
  Math.floor(INSTANT_MIN + random() * (INSTANT_MAX - INSTANT_MIN + 1)),
);
const EDGES = [
  INSTANT_MIN,
  INSTANT_MAX,
  -1,
  0,
  1,
  Date.UTC(2000, 1, 29),
  Date.UTC(1900, 1, 28, 23, 59, 59, 999),
  Date.UTC(2100, 1, 28, 23, 59, 59, 999),
  Date.UTC(2024, 1, 29, 12),
  Date.UTC(2026, 11, 31, 23, 59, 59, 999),
  Date.UTC(1600, 1, 29),
];

describe('an instant', () => {
  test('is written as Date writes it, over ten thousand years', () => {
    for (const instant of [...INSTANTS, ...EDGES]) {
      expect(formatInstant(instant)).toBe(new Date(instant).toISOString());
    }
  });

  test('is read back as it was written', () => {
    for (const instant of [...INSTANTS, ...EDGES]) {
      expect(parseInstant(formatInstant(instant))).toBe(instant);
    }
  });

  test('is the same instant in every zone', () => {
    for (const instant of INSTANTS) {
      const minutes = Math.floor(random() * (2 * 1439 + 1)) - 1439;
      const local = instant + minutes * 60_000;
      if (local < INSTANT_MIN || local > INSTANT_MAX) continue;
      const size = Math.abs(minutes);
      const zone = `${minutes < 0 ? '-' : '+'}${String(Math.floor(size / 60)).padStart(2, '0')}:${String(size % 60).padStart(2, '0')}`;
      const text = new Date(local).toISOString().replace('Z', zone);
      expect(parseInstant(text), text).toBe(instant);
      expect(Date.parse(text)).toBe(instant);
    }
  });

  test('has the day that Date gives it', () => {
    for (const instant of INSTANTS.slice(0, 500)) {
      expect(utcDay(instant)).toBe(new Date(instant).toISOString().slice(0, 10));
    }
  });

  test('every day of four centuries has its own number, one after the other', () => {
    const wrong: string[] = [];
    let day = Date.UTC(1800, 0, 1);
    for (let count = 0; count < 146_097; count += 1, day += 86_400_000) {
      const text = `${new Date(day).toISOString().slice(0, 10)}T00:00:00Z`;
      if (parseInstant(text) !== day) wrong.push(text);
    }
    expect(wrong).toEqual([]);
  });

  test('cannot be written when it is no instant', () => {
    for (const bad of [
      Number.NaN,
      0.5,
      INSTANT_MIN - 1,
      INSTANT_MAX + 1,
      Number.POSITIVE_INFINITY,
    ]) {
      expect(() => formatInstant(bad)).toThrow(RangeError);
    }
  });
});

describe('the text of an instant', () => {
  test.each([
    ['2026-11-24T08:30:00Z', Date.UTC(2026, 10, 24, 8, 30)],
    ['2026-11-24t08:30:00z', Date.UTC(2026, 10, 24, 8, 30)],
    ['2026-11-24 08:30:00Z', Date.UTC(2026, 10, 24, 8, 30)],
    ['2026-11-24T08:30:00+00:00', Date.UTC(2026, 10, 24, 8, 30)],
    ['2026-11-24T08:30:00-00:00', Date.UTC(2026, 10, 24, 8, 30)],
    ['2026-11-24T08:30:00+05:30', Date.UTC(2026, 10, 24, 3, 0)],
    ['2026-11-24T23:30:00-10:30', Date.UTC(2026, 10, 25, 10, 0)],
    ['2026-11-24T08:30:00.1Z', Date.UTC(2026, 10, 24, 8, 30, 0, 100)],
    ['2026-11-24T08:30:00.1239Z', Date.UTC(2026, 10, 24, 8, 30, 0, 123)],
    ['2026-11-24T08:30:00.999999999Z', Date.UTC(2026, 10, 24, 8, 30, 0, 999)],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['2016-12-31T23:59:60.75Z', Date.UTC(2017, 0, 1)],
    ['2017-01-01T01:59:60+02:00', Date.UTC(2017, 0, 1)],
    ['0001-01-01T00:00:00Z', INSTANT_MIN],
    ['9999-12-31T23:59:59.999Z', INSTANT_MAX],
    ['0001-01-01T01:00:00+01:00', INSTANT_MIN],
  ])('%s is read', (text, instant) => {
    expect(parseInstant(text)).toBe(instant);
  });

  test.each([
    '',
    'now',
    '2026-11-24',
    '2026-11-24T08:30:00',
    '2026-11-24T08:30Z',
    '2026-11-24T08:30:00+0530',
    '2026-11-24T08:30:00+05',
    '2026-11-24T08:30:00 Z',
    '2026-11-24T08:30:00.Z',
    '2026-11-24T08:30:00,5Z',
    '2026-11-24T08:30:00.1234567890Z',
    '2026-11-24T24:00:00Z',
    '2026-11-24T08:60:00Z',
    '2026-11-24T08:30:61Z',
    '2026-11-24T08:30:00+24:00',
    '2026-11-24T08:30:00+05:60',
    '2026-00-24T08:30:00Z',
    '2026-13-24T08:30:00Z',
    '2026-11-00T08:30:00Z',
    '2026-11-31T08:30:00Z',
    '2026-02-29T08:30:00Z',
    '2100-02-29T08:30:00Z',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:60Z',
    '9999-12-31T23:59:59-00:01',
    '+02026-11-24T08:30:00Z',
    '-2026-11-24T08:30:00Z',
    '26-11-24T08:30:00Z',
    '2026-11-24T08:30:00Z\n',
    ' 2026-11-24T08:30:00Z',
    '２０２６-11-24T08:30:00Z',
    '2026-W48-2T08:30:00Z',
    'Tue, 24 Nov 2026 08:30:00 GMT',
    '1790000000000',
  ])('%j is refused', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});
