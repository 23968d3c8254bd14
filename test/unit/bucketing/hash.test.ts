/**
 * Are positions uniform, and are answers to different questions independent? Chi-square statistics are
 * compared with a normal bound at z = 4.5 (3 in a million by chance); salts and ids are fixed, so nothing
 * here is left to chance between runs.
 */
import { describe, expect, test } from 'vitest';
import { fingerprintOf, position, positionOf, seedOf } from '../../../src/bucketing/hash.ts';
import { createRandom } from '../../../src/stats/variates.ts';

const POSITIONS = 2 ** 32;
const random = createRandom(99);
const hex = (length: number) =>
  Array.from({ length }, () => random.integer(0, 15).toString(16)).join('');

const IDS: Record<string, (index: number) => string> = {
  'sequential numbers': (index) => String(index),
  'padded numbers': (index) => `user-${String(index).padStart(12, '0')}`,
  uuids: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
  emails: (index) => `person.${index}@example.com`,
  'non-ASCII names': (index) => `用户-${index}-é`,
};

/** (chi-square - df) / sqrt(2 df): close to normal for many cells. */
function deviation(counts: readonly number[], expected: number): number {
  const chi = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const df = counts.length - 1;
  return (chi - df) / Math.sqrt(2 * df);
}

describe.each(Object.entries(IDS))('%s', (_, idOf) => {
  const units = Array.from({ length: 50_000 }, (_unused, index) => fingerprintOf(idOf(index)));

  test('are spread evenly under every salt', () => {
    for (const salt of ['', 'a', 'traffic:x', 'variant:x', 'layer:search']) {
      const seed = seedOf(salt);
      const counts = new Array<number>(256).fill(0);
      for (const unit of units) {
        const cell = Math.floor((positionOf(seed, unit) / POSITIONS) * 256);
        counts[cell] = (counts[cell] ?? 0) + 1;
      }
      expect(Math.abs(deviation(counts, units.length / 256))).toBeLessThan(4.5);
    }
  });

  test('are independent between any two salts', () => {
    const salts = ['traffic:a', 'variant:a', 'traffic:b', 'variant:b', 'layer:l', 'a', 'b', ''];
    const cells = salts.map((salt) => {
      const seed = seedOf(salt);
      return units.map((unit) => Math.floor((positionOf(seed, unit) / POSITIONS) * 8));
    });
    for (let first = 0; first < salts.length; first += 1) {
      for (let second = first + 1; second < salts.length; second += 1) {
        const counts = new Array<number>(64).fill(0);
        units.forEach((_unit, index) => {
          const joint = (cells[first]?.[index] ?? 0) * 8 + (cells[second]?.[index] ?? 0);
          counts[joint] = (counts[joint] ?? 0) + 1;
        });
        expect(Math.abs(deviation(counts, units.length / 64))).toBeLessThan(4.5);
      }
    }
  });
});

test('the remembered fingerprint is never taken for another unit', () => {
  const [a, b] = [fingerprintOf('a'), fingerprintOf('b')];
  expect(a).not.toEqual(b);
  expect(fingerprintOf('a')).toEqual(a);
  expect(fingerprintOf('a')).toEqual(a);
  expect(fingerprintOf('b')).toEqual(b);
});

test('a position is a 32-bit integer, also of the empty text', () => {
  for (const unit of ['', 'a', '漢字', '\u{1f600}']) {
    for (const salt of ['', 'a', '漢字']) {
      const at = position(salt, unit);
      expect(Number.isInteger(at) && at >= 0 && at < POSITIONS).toBe(true);
    }
  }
});
