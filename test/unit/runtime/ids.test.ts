import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { handClock, systemClock } from '../../../src/runtime/clock.ts';
import { canonicalJson, newId, newSalt, newSecret, sha256 } from '../../../src/runtime/ids.ts';

describe('canonical JSON', () => {
  test('is the same text for the same content, whatever the order of its keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const turned = JSON.parse(JSON.stringify(value), (_key, item: unknown) =>
          typeof item === 'object' && item !== null && !Array.isArray(item)
            ? Object.fromEntries(Object.entries(item).reverse())
            : item,
        );
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { seed: 11, numRuns: 500 },
    );
  });

  test('keeps the order of lists and leaves out what is undefined', () => {
    expect(canonicalJson({ b: [2, 1], a: undefined, c: { z: 1, y: null } })).toBe(
      '{"b":[2,1],"c":{"y":null,"z":1}}',
    );
  });

  test('keeps a key named __proto__ as content', () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"a":1}}'))).toBe(
      '{"__proto__":{"a":1},"b":1}',
    );
  });
});

describe('identities', () => {
  test('are new each time, and secrets carry their prefix', () => {
    expect(new Set(Array.from({ length: 100 }, newId)).size).toBe(100);
    expect(newSalt()).toMatch(/^[0-9a-f]{32}$/);
    expect(newSecret('assay_ad')).toMatch(/^assay_ad_[A-Za-z0-9_-]{43}$/);
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

test('a hand clock stands still until it is turned, and the system clock runs', () => {
  const clock = handClock(5);
  expect([clock.now(), clock.monotonic()]).toEqual([5, 5]);
  clock.turnTo(9);
  expect(clock.now()).toBe(9);
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
  expect(systemClock.monotonic()).toBeLessThanOrEqual(systemClock.monotonic());
});
