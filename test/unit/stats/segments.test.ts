import { describe, expect, test } from 'vitest';
import { createRandom, segmentEffects } from '../../../src/stats/index.ts';

const alpha = 0.05;
const effects = [
  { estimate: 0.5, se: 0.1 },
  { estimate: 0.1, se: 0.2 },
  { estimate: -0.3, se: 0.4 },
  { estimate: 0.9, se: 0.15 },
];

describe('segmentEffects', () => {
  test('shrunk effects lie between the raw ones and the mean, the noisier the nearer', () => {
    const result = segmentEffects(effects, { alpha });
    if (result.status !== 'ok') throw new Error(result.status);
    for (const { raw, shrunk, kept, rawLower, rawUpper } of result.segments) {
      expect(Math.abs(shrunk - result.mean)).toBeLessThanOrEqual(Math.abs(raw - result.mean));
      expect(shrunk).toBeCloseTo(result.mean + kept * (raw - result.mean), 12);
      expect((rawLower + rawUpper) / 2).toBeCloseTo(raw, 12);
    }
    const kept = result.segments.map((segment) => segment.kept);
    expect(kept[0]).toBeGreaterThan(kept[1] as number);
    expect(kept[1]).toBeGreaterThan(kept[2] as number);
  });

  test('effects as alike as their errors allow are shrunk to one mean', () => {
    const result = segmentEffects(
      effects.map(({ se }) => ({ estimate: 0.2, se })),
      { alpha },
    );
    if (result.status !== 'ok') throw new Error(result.status);
    expect(result).toMatchObject({ tauSquared: 0, iSquared: 0, degreesOfFreedom: 3 });
    expect(result.p).toBeCloseTo(1, 12);
    for (const segment of result.segments) expect(segment.shrunk).toBeCloseTo(0.2, 14);
  });

  test('another unit changes nothing but the unit', () => {
    const a = segmentEffects(effects, { alpha });
    const b = segmentEffects(
      effects.map(({ estimate, se }) => ({ estimate: estimate * 2 ** 200, se: se * 2 ** 200 })),
      { alpha },
    );
    if (a.status !== 'ok' || b.status !== 'ok') throw new Error('no answer');
    expect(b.q).toBe(a.q);
    expect(b.tauSquared).toBe(a.tauSquared * 2 ** 400);
    expect(b.segments[2]?.shrunk).toBe((a.segments[2]?.shrunk as number) * 2 ** 200);
  });

  test('shrinking helps on average and hides harm in a small group', () => {
    // MODELS 3.15: shares 50/25/15/10 of 200k an arm, base 10%, +.6 pp for all: RMSE falls from
    // .23 to .12 pp. A 2% group truly at -1.5 pp is shrunk to about 0.
    const random = createRandom(11);
    const shares = [0.5, 0.25, 0.15, 0.1];
    const ses = shares.map((share) => Math.sqrt((2 * 0.1 * 0.9) / (200_000 * share)));
    let raw = 0;
    let shrunk = 0;
    const runs = 400;
    for (let run = 0; run < runs; run += 1) {
      const seen = ses.map((se) => ({ estimate: 0.006 + random.normal(0, se), se }));
      const result = segmentEffects(seen, { alpha, method: 'dersimonian_laird' });
      if (result.status !== 'ok') throw new Error(result.status);
      for (const segment of result.segments) {
        raw += (segment.raw - 0.006) ** 2;
        shrunk += (segment.shrunk - 0.006) ** 2;
      }
    }
    expect(100 * Math.sqrt(raw / runs / 4)).toBeCloseTo(0.23, 1);
    expect(100 * Math.sqrt(shrunk / runs / 4)).toBeLessThan(0.15);
  });

  test('one segment is no family', () => {
    expect(segmentEffects(effects.slice(0, 1), { alpha })).toEqual({ status: 'insufficient_data' });
  });

  test('arguments out of range are refused by name', () => {
    expect(() => segmentEffects([{ estimate: NaN, se: 1 }, ...effects], { alpha })).toThrow(
      /effects\[0\]\.estimate = NaN/,
    );
    expect(() => segmentEffects([...effects, { estimate: 0, se: 0 }], { alpha })).toThrow(
      /effects\[4\]\.se = 0/,
    );
    expect(() => segmentEffects([{ estimate: 1e150, se: 1e-100 }, ...effects], { alpha })).toThrow(
      /largest estimate \/ smallest se/,
    );
  });
});
