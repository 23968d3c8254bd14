/** The assignment law against vectors made without it, and against the murmurhash package on random text. */
import { readFileSync } from 'node:fs';
import murmurhash from 'murmurhash';
import { describe, expect, test } from 'vitest';
import { type AssignmentVectors, buildVectors, textOf } from '../../scripts/assignment-vectors.ts';
import { assign } from '../../src/bucketing/assign.ts';
import { compile } from '../../src/bucketing/compile.ts';
import { fingerprintOf, position, positionOf, seedOf } from '../../src/bucketing/hash.ts';
import type { Units } from '../../src/domain/assignment.ts';
import type { Snapshot, SnapshotExperiment } from '../../src/domain/snapshot.ts';
import { createRandom, type Random } from '../../src/stats/variates.ts';

const file = new URL('assignment.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as AssignmentVectors;

test('the file is what its generator writes', () => {
  expect(vectors).toEqual(JSON.parse(JSON.stringify(buildVectors())));
});

describe('positions', () => {
  test.each(Object.entries(vectors.units))('the fingerprint of %s', (name, unit) => {
    expect(fingerprintOf(textOf(unit))).toEqual(vectors.fingerprints[name]);
  });

  test.each(vectors.positions)('under the salt "$salt"', ({ salt, seed, of }) => {
    expect(seedOf(salt)).toBe(seed);
    for (const [name, unit] of Object.entries(vectors.units)) {
      expect([name, position(salt, textOf(unit))]).toEqual([name, of[name]]);
    }
  });

  test('texts that look alike are different units', () => {
    const all = Object.values(vectors.fingerprints).map(({ low, high }) => `${low}/${high}`);
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('assignments', () => {
  const compiled = compile({
    version: 1,
    environment: 'golden',
    experiments: vectors.experiments as unknown as SnapshotExperiment[],
  } satisfies Snapshot).experiments;

  test('there is a case of every reason that has a source yet', () => {
    const reasons = new Set(vectors.cases.map((entry) => entry.expected.reason));
    expect([...reasons].sort()).toEqual([
      'LAYER',
      'NOT_RUNNING',
      'SPLIT',
      'TARGETING',
      'TRAFFIC',
      'UNIT_MISSING',
    ]);
  });

  test.each(vectors.experiments)('of $key', (definition) => {
    const cases = vectors.cases.filter((entry) => entry.experiment === definition.key);
    expect(cases.length).toBeGreaterThan(0);
    const experiment = compiled.get(definition.key);
    if (experiment === undefined) throw new Error(`${definition.key} is not compiled`);
    for (const { id, units, attributes, expected } of cases) {
      const served = definition.variants.find(({ key, role }) =>
        expected.variant === null ? role === 'control' : key === expected.variant,
      );
      expect({ id, ...assign(experiment, units as Units, attributes) }).toEqual({
        id,
        experiment: definition.key,
        version: definition.version,
        ...expected,
        payload: served?.payload,
        model: served?.model,
      });
    }
  });
});

describe('MurmurHash3', () => {
  // Published with other implementations; seed, text, hash.
  test.each([
    [0, '', 0],
    [0, 'test', 0xba6bd213],
    [0x9747b28c, 'test', 0x704b81dc],
    [0, 'Hello, world!', 0xc0363e43],
    [0x9747b28c, 'Hello, world!', 0x24884cba],
    [0, 'The quick brown fox jumps over the lazy dog', 0x2e4ff723],
    [0x9747b28c, 'The quick brown fox jumps over the lazy dog', 0x2fa826cd],
    [0x9747b28c, 'aaaa', 0x5a97808a],
    [0x9747b28c, 'aaa', 0x283e0130],
    [0x9747b28c, 'aa', 0x5d211726],
    [0x9747b28c, 'a', 0x7fa09ea6],
  ])('seed %i of "%s"', (seed, text, hash) => {
    expect(murmurhash.v3(new TextEncoder().encode(text), seed)).toBe(hash);
    const { low, high } = fingerprintOf(text);
    expect(seed === 0 ? low : high).toBe(hash);
  });

  test('our inlined passes equal the package on thousands of random texts', () => {
    const random = createRandom(20_261_124);
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 20_000; i += 1) {
      const unit = randomText(random, i);
      const { low, high } = fingerprintOf(unit);
      const utf8 = new TextEncoder().encode(unit);
      expect([unit, low, high]).toEqual([
        unit,
        murmurhash.v3(utf8, 0),
        murmurhash.v3(utf8, 0x9747b28c),
      ]);
      const seed = random.integer(0, 2 ** 32 - 1);
      view.setUint32(0, low, true);
      view.setUint32(4, high, true);
      expect(positionOf(seed, { low, high })).toBe(murmurhash.v3(bytes, seed));
    }
  });
});

const ALPHABETS: readonly (readonly [number, number])[] = [
  [0x30, 0x39],
  [0x20, 0x7e],
  [0x00, 0x7f],
  [0x00, 0xff],
  [0x7f, 0x80],
  [0x0700, 0x0900],
  [0x4e00, 0x9fff],
  [0x1f300, 0x1faff],
  [0x00, 0xd7ff],
];

/** Well-formed text of 0 to 40 characters; each alphabet and each length comes again and again. */
function randomText(random: Random, turn: number): string {
  const [low, high] = random.pick(ALPHABETS);
  const points = Array.from({ length: turn % 41 }, () => random.integer(low, high));
  return String.fromCodePoint(...points);
}
