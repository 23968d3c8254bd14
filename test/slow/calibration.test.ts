/**
 * Do the statistics keep their promises? A tenth of the runs of `npm run calibrate`, with the same
 * fixed seeds: each row within its stated Monte Carlo bound (3.29 standard errors).
 */
import { describe, expect, test } from 'vitest';
import { SECTIONS } from '../../scripts/calibration/sections.ts';

const SCALE = 0.1;

describe('calibration', () => {
  test.each(SECTIONS.map((make) => [make.name, make] as const))('%s', (_, make) => {
    const { rows } = make(SCALE);
    expect(rows.length).toBeGreaterThan(0);
    const broken = rows.filter(({ ok }) => !ok);
    expect(broken).toEqual([]);
  });
});
