/** Laws of the estimators, for all inputs. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adjust,
  benjaminiHochberg,
  type CoMoments,
  clusterRobust,
  coMomentsFromExactSums,
  coMomentsOf,
  compareQuantiles,
  cuped,
  dilute,
  diluteRatio,
  type Errors,
  eBenjaminiHochberg,
  exceedsRate,
  falseCoverage,
  groupSequentialLook,
  type Moments,
  mergeCoMoments,
  missingDifference,
  momentsAt,
  momentsOf,
  momentsOfRate,
  nonInferiority,
  preperiodImbalance,
  type QuantileArm,
  quantileArm,
  rateLift,
  rates,
  ratio,
  ratioMoments,
  ratioMomentsOf,
  regressionEffect,
  relative,
  type SwitchbackCell,
  sampleQuantile,
  sampleRatioByPeriod,
  sampleRatioMismatch,
  sequentialSampleRatioByPeriod,
  switchback,
  waldTest,
  welch,
  winsorized,
} from '../../src/stats/index.ts';
import { runs } from '../support/runs.ts';

fc.configureGlobal({ seed: 20261124 });

const value = fc.double({ min: -1e3, max: 1e3, noNaN: true });
/** Values on a grid: sums of a few of them are exact, and none is next to nothing. */
const coarse = fc.integer({ min: -64_000, max: 64_000 }).map((k) => k / 64);
const positive = fc.integer({ min: 1, max: 3200 }).map((k) => k / 64);
const alpha = fc.oneof(
  fc.constantFrom(0.05, 0.01, 0.1),
  fc.double({ min: 1e-6, max: 0.49, noNaN: true }),
);

type Bounds = { readonly lower: number; readonly upper: number };
const inside = ({ lower, upper }: Bounds): boolean => lower <= 0 && 0 <= upper;

/** Rows of k variables, as columns. */
function table(k: number, options: { minRows: number; maxRows: number }) {
  return fc
    .array(fc.array(coarse, { minLength: k, maxLength: k }), {
      minLength: options.minRows,
      maxLength: options.maxRows,
    })
    .map((rows) => Array.from({ length: k }, (_, j) => rows.map((row) => row[j] as number)));
}

/** Numerators and denominators of an arm; the denominators are positive. */
const ratioRows = fc
  .array(fc.tuple(coarse, positive), { minLength: 3, maxLength: 30 })
  .map((rows) => [rows.map(([n]) => n), rows.map(([, d]) => d)] as [number[], number[]]);

describe('co-moments', () => {
  /** Equal to the last 1e-12 of what each number is made of. */
  const close = (a: CoMoments, b: CoMoments): void => {
    expect(a.n).toBe(b.n);
    a.means.forEach((mean, i) => {
      const size = Math.max(1, Math.abs(mean), Math.sqrt(a.cross[i]?.[i] as number));
      expect(Math.abs(mean - (b.means[i] as number))).toBeLessThanOrEqual(1e-12 * size);
      a.means.forEach((other, j) => {
        const scale = Math.sqrt((a.cross[i]?.[i] as number) * (a.cross[j]?.[j] as number));
        const parts = Math.max(1, scale, Math.abs(mean * other) * a.n);
        const gap = Math.abs((a.cross[i]?.[j] as number) - (b.cross[i]?.[j] as number));
        expect(gap).toBeLessThanOrEqual(1e-12 * parts);
      });
    });
  };
  const part = fc
    .array(fc.tuple(value, value, value), { maxLength: 30 })
    .map((rows) => [0, 1, 2].map((j) => rows.map((row) => row[j] as number)));

  test('parts merge to the whole, in any order and grouping', () => {
    fc.assert(
      fc.property(part, part, part, (x, y, z) => {
        const [a, b, c] = [coMomentsOf(x), coMomentsOf(y), coMomentsOf(z)];
        const whole = coMomentsOf(
          x.map((column, j) => [...column, ...(y[j] as number[]), ...(z[j] as number[])]),
        );
        close(mergeCoMoments(mergeCoMoments(a, b), c), whole);
        close(mergeCoMoments(mergeCoMoments(a, b), c), mergeCoMoments(a, mergeCoMoments(b, c)));
        close(mergeCoMoments(a, b), mergeCoMoments(b, a));
      }),
      runs(100),
    );
  });

  test('each variable has the very moments it has alone', () => {
    fc.assert(
      fc.property(part, (columns) => {
        const all = coMomentsOf(columns);
        columns.forEach((column, j) => {
          expect(momentsAt(all, j)).toEqual(momentsOf(column));
        });
      }),
      runs(100),
    );
  });

  test('exact sums agree with the values', () => {
    const micro = fc.integer({ min: -1e9, max: 1e9 });
    const rows = fc.array(fc.tuple(micro, micro), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(rows, (pairs) => {
        const columns = [0, 1].map((j) => pairs.map((row) => row[j] as number));
        const sum = (terms: bigint[]): bigint => terms.reduce((total, term) => total + term, 0n);
        const exact = coMomentsFromExactSums({
          n: pairs.length,
          sums: columns.map((column) => sum(column.map(BigInt))),
          products: columns.map((a) =>
            columns.map((b) => sum(a.map((x, k) => BigInt(x) * BigInt(b[k] as number)))),
          ),
          scales: [1_000_000n, 1_000_000n],
        });
        close(exact, coMomentsOf(columns.map((column) => column.map((x) => x / 1e6))));
      }),
      runs(100),
    );
  });
});

// --- agreement ------------------------------------------------------------------------------

/**
 * The two neighbouring doubles between which a question's answer changes, and their neighbours:
 * where a p-value and an interval are most likely to disagree.
 */
function nearTies(isSignificant: (shift: number) => boolean, from: number, to: number): number[] {
  let [no, yes] = [from, to];
  if (isSignificant(no) || !isSignificant(yes)) return [];
  for (let step = 0; step < 120; step += 1) {
    const middle = no + (yes - no) / 2;
    if (middle === no || middle === yes) break;
    if (isSignificant(middle)) yes = middle;
    else no = middle;
  }
  const ulp = Math.max(Math.abs(yes - no), 5e-324);
  return [-4, -2, -1, 0, 1, 2, 3, 5].map((k) => no + k * ulp);
}

type Answer = (Bounds & { readonly p: number }) | undefined;

/** Checks agreement at 0, at a far effect, and at near-ties of the shift that moves the effect. */
function expectAgreement(answer: (shift: number) => Answer, level: number, far: number): void {
  const isSignificant = (shift: number): boolean => {
    const result = answer(shift);
    return result !== undefined && result.p < level;
  };
  for (const shift of [0, far / 7, far, ...nearTies(isSignificant, 0, far)]) {
    const result = answer(shift);
    if (result === undefined) continue;
    expect(inside(result), `shift ${shift}`).toBe(!(result.p < level));
    expect(result.lower).toBeLessThanOrEqual(result.upper);
  }
}

const answered = <T extends { readonly status: string }>(result: T): T | undefined =>
  result.status === 'ok' ? result : undefined;

describe('p-value and interval never disagree', () => {
  test('rates, small and large, and their textbook forms', () => {
    const arm = fc
      .tuple(fc.integer({ min: 1, max: 60 }), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([n, share]) => ({ n, successes: Math.round(n * share) }));
    fc.assert(
      fc.property(arm, arm, alpha, (control, treatment, level) => {
        for (const compare of [rates, waldTest]) {
          const result = compare(control, treatment, { alpha: level });
          if (result.status === 'ok') expect(inside(result)).toBe(!(result.p < level));
        }
      }),
      runs(2000),
    );
  });

  test('ratios, absolute and relative', () => {
    fc.assert(
      fc.property(ratioRows, ratioRows, alpha, (c, t, level) => {
        const at = (shift: number) =>
          ratio(
            coMomentsOf(c),
            coMomentsOf([t[0].map((n, i) => n + shift * (t[1][i] as number)), t[1]]),
            {
              alpha: level,
            },
          );
        expectAgreement(
          (shift) => {
            const result = at(shift);
            return result.status === 'ok' && result.absolute.status === 'ok'
              ? result.absolute
              : undefined;
          },
          level,
          4000,
        );
        const result = at(1);
        if (result.status === 'ok' && result.relative.status === 'ok') {
          expect(inside(result.relative)).toBe(!(result.relative.p < level));
        }
      }),
      runs(40, 4000),
    );
  });

  test('adjusted means, absolute and relative to the unadjusted baseline', () => {
    const slopes = fc.constantFrom('within', 'own', 'total', 'averaged', undefined);
    const arm = table(3, { minRows: 5, maxRows: 25 });
    fc.assert(
      fc.property(arm, arm, alpha, slopes, (c, t, level, kind) => {
        const at = (shift: number) =>
          cuped(
            coMomentsOf(c),
            coMomentsOf([(t[0] as number[]).map((y) => y + shift), ...t.slice(1)]),
            { alpha: level, ...(kind !== undefined && { slopes: kind }) },
          );
        for (const view of ['absolute', 'relative'] as const) {
          expectAgreement(
            (shift) => {
              const result = at(shift);
              if (result.status !== 'ok') return undefined;
              const shown = result[view];
              return shown.status === 'ok' ? shown : undefined;
            },
            level,
            40_000,
          );
        }
      }),
      runs(30, 3000),
    );
  });

  test('the margin of an adjusted guardrail: the bound exceeds it exactly when p < alpha', () => {
    const arm = table(2, { minRows: 5, maxRows: 25 });
    const margin = fc.double({ min: 0, max: 2, noNaN: true });
    const direction = fc.constantFrom('increase' as const, 'decrease' as const);
    fc.assert(
      fc.property(arm, arm, alpha, margin, direction, (c, t, level, share, way) => {
        const adjusted = adjust([coMomentsOf(c), coMomentsOf(t)]);
        if (adjusted.status !== 'ok') return;
        const [control, treatment] = adjusted.arms.map(({ moments }) => moments) as [
          Moments,
          Moments,
        ];
        const [baseline] = adjusted.baselines;
        const result = nonInferiority(control, treatment, {
          margin: share,
          marginScale: 'relative',
          direction: way,
          alpha: level,
          ...(baseline !== undefined && { baseline }),
        });
        if (result.status !== 'ok' || result.lower === null) return;
        expect(result.lower > -share).toBe(result.p < level);
      }),
      runs(1000),
    );
  });

  test('quantiles, absolute and relative', () => {
    const sample = fc.array(coarse, { minLength: 4, maxLength: 60 });
    const p = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(sample, sample, p, alpha, (c, t, q, level) => {
        const [a, b] = [c, t].map((values) => quantileArm(values, { p: q, alpha: level })) as [
          QuantileArm,
          QuantileArm,
        ];
        const at = (shift: number) =>
          compareQuantiles(
            a,
            { ...b, estimate: b.estimate + shift },
            { alpha: level, allowThin: true },
          );
        expectAgreement((shift) => answered(at(shift)) as Answer, level, 40_000);
        const result = at(1);
        if (result.status === 'ok' && result.relative.status === 'ok') {
          expect(inside(result.relative)).toBe(!(result.p < level));
        }
      }),
      runs(100, 5000),
    );
  });

  test('winsorized means and diluted effects', () => {
    const sample = fc.array(coarse, { minLength: 3, maxLength: 30 });
    const share = fc.double({ min: 1e-6, max: 1, noNaN: true });
    fc.assert(
      fc.property(sample, sample, alpha, share, (c, t, level, triggered) => {
        const capped = winsorized(c, t, { alpha: level, upper: 0.9, lower: 0.05 });
        for (const view of [capped.absolute, capped.relative]) {
          if (view.status === 'ok') expect(inside(view)).toBe(!(view.p < level));
        }
        const [control, treatment] = [momentsOf(c), momentsOf(t)];
        const everyone = { n: 100, mean: control.mean + 1, m2: control.m2 * 50 + 1 };
        for (const overall of [everyone, { mean: 3 }]) {
          const at = (shift: number) =>
            dilute(
              control,
              { ...treatment, mean: treatment.mean + shift },
              {
                alpha: level,
                share: triggered,
                overall,
              },
            );
          for (const view of ['site', 'siteRelative'] as const) {
            expectAgreement(
              (shift) => {
                const result = at(shift);
                if (result.status !== 'ok') return undefined;
                const shown = result[view];
                return 'p' in shown ? shown : undefined;
              },
              level,
              40_000,
            );
          }
        }
      }),
      runs(20, 2000),
    );
  });

  test('diluted ratios', () => {
    const overall = fc.record({ numerator: coarse, denominator: positive });
    const share = fc.double({ min: 1e-4, max: 1, noNaN: true });
    fc.assert(
      fc.property(ratioRows, ratioRows, overall, share, alpha, (c, t, all, triggered, level) => {
        expectAgreement(
          (shift) => {
            const moved = [t[0].map((n) => n + shift), t[1]];
            const result = diluteRatio(coMomentsOf(c), coMomentsOf(moved), {
              alpha: level,
              share: triggered,
              overall: all,
            });
            return answered(result) as Answer;
          },
          level,
          40_000,
        );
      }),
      runs(30, 3000),
    );
  });

  test('regressions with every kind of error', () => {
    const rows = fc.array(fc.tuple(coarse, fc.boolean(), coarse, fc.integer({ min: 0, max: 5 })), {
      minLength: 6,
      maxLength: 20,
    });
    const slopes = fc.constantFrom('common' as const, 'own' as const);
    fc.assert(
      fc.property(rows, alpha, slopes, (all, level, kind) => {
        const cluster = all.map(([, , , label]) => label);
        const errors: Errors[] = [
          ...(['hc0', 'hc1', 'hc2', 'hc3'] as const).map((name) => ({ kind: name })),
          ...(['cr0', 'cr0_adjusted', 'cr1', 'cr2'] as const).map((name) => ({
            kind: name,
            cluster,
          })),
          { kind: 'newey_west', lag: 3, adjusted: true },
        ];
        for (const error of errors) {
          const at = (shift: number) =>
            regressionEffect(
              {
                outcome: all.map(([y, treated]) => y + (treated ? shift : 0)),
                treated: all.map(([, treated]) => treated),
                covariates: [all.map(([, , x]) => x)],
              },
              { alpha: level, errors: error, slopes: kind },
            );
          for (const shift of [0, 1, 100, 4000]) {
            const result = at(shift);
            if (result.status === 'ok') expect(inside(result)).toBe(!(result.p < level));
          }
        }
      }),
      runs(60, 5000),
    );
  });

  test('looks of a group-sequential experiment', () => {
    const kind = fc.constantFrom('obrien_fleming' as const, 'pocock' as const);
    const looks = fc.uniqueArray(fc.integer({ min: 5, max: 100 }), { minLength: 1, maxLength: 3 });
    const sides = fc.constantFrom(1 as const, 2 as const);
    const level = fc.double({ min: 0.001, max: 0.2, noNaN: true });
    fc.assert(
      fc.property(looks, kind, sides, level, (hundredths, spending, tails, a) => {
        const information = hundredths.sort((x, y) => x - y).map((k) => k / 100);
        const plan = { alpha: a, information, spending: { kind: spending }, sides: tails };
        const first = groupSequentialLook({ estimate: 1, se: 1, plan });
        if (first.status !== 'ok') throw new Error(first.status);
        for (const off of [-1, -1e-13, 0, 1e-13, 1]) {
          const estimate = 0.25 * first.criticalValue * (1 + off);
          const look = groupSequentialLook({ estimate, se: 0.25, plan });
          if (look.status !== 'ok') throw new Error(look.status);
          expect(look.crossed).toBe(look.p < a);
          expect(look.lower > 0).toBe(look.crossed);
        }
      }),
      runs(15, 200),
    );
  });

  const cells = fc
    .array(fc.tuple(coarse, fc.boolean(), positive, fc.integer({ min: 0, max: 3 })), {
      minLength: 6,
      maxLength: 24,
    })
    .map((rows) =>
      rows.map(
        ([mean, treated, weight, season], i): SwitchbackCell => ({
          region: i % 2 === 0 ? 'a' : 'b',
          period: i,
          treated,
          mean,
          weight,
          season,
        }),
      ),
    );

  test('switchbacks, whose interval is what the randomisation test does not reject', () => {
    const design = fc.constantFrom(
      { kind: 'independent', share: 0.5 } as const,
      { kind: 'shuffled' } as const,
    );
    const adjustFor = fc.constantFrom([], ['region'] as const, ['region', 'season'] as const);
    const weights = fc.constantFrom('equal' as const, 'volume' as const);
    fc.assert(
      fc.property(cells, design, adjustFor, weights, fc.nat(), (all, how, effects, by, seed) => {
        const options = {
          alpha: 0.1,
          design: how,
          seed,
          draws: 99,
          adjustFor: [...effects],
          weights: by,
        } as const;
        const moved = (shift: number): SwitchbackCell[] =>
          all.map((cell) => ({ ...cell, mean: cell.mean - (cell.treated ? shift : 0) }));
        const result = switchback(all, options);
        if (result.status !== 'ok') return;
        const { lower, upper, estimate, p } = result;
        const at = { lower: lower ?? -Infinity, upper: upper ?? Infinity };
        expect(inside(at)).toBe(!(p < 0.1));
        // An effect beyond the bound is rejected, one within it is not.
        const off = 1e-3 * Math.max(1, Math.abs(estimate));
        for (const [bound, outwards] of [
          [lower, -1],
          [upper, 1],
        ] as const) {
          if (bound === null || Math.abs(bound) > 1e6 || Math.abs(bound - estimate) < 3 * off)
            continue;
          const [beyond, within] = [bound + outwards * off, bound - outwards * off].map((e) =>
            switchback(moved(e), options),
          );
          if (beyond?.status !== 'ok' || within?.status !== 'ok') throw new Error('no answer');
          expect(beyond.p).toBeLessThan(0.1);
          expect(within.p).toBeGreaterThanOrEqual(0.1);
        }
      }),
      runs(60, 3000),
    );
  });

  test('discoveries and the intervals shown for them', () => {
    const p = fc.array(fc.option(fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 12 });
    fc.assert(
      fc.property(p, fc.double({ min: 0.001, max: 0.5, noNaN: true }), (values, q) => {
        const { selected, discoveries, alpha: shown } = falseCoverage(values, q);
        expect(selected.filter((is) => is === true)).toHaveLength(discoveries);
        benjaminiHochberg(values).forEach((adjusted, i) => {
          const original = values[i] ?? null;
          expect(selected[i]).toBe(original === null || shown === null ? null : original < shown);
          if (adjusted !== null && Math.abs(adjusted - q) > 1e-12) {
            expect(selected[i]).toBe(adjusted < q);
          }
        });
      }),
      runs(1000),
    );
  });
});

// --- equivariance ---------------------------------------------------------------------------

describe('equivariance', () => {
  const near = (a: number, b: number, size = Math.abs(b)): void => {
    expect(Math.abs(a - b)).toBeLessThanOrEqual(1e-9 * Math.max(size, 1e-12));
  };

  test('another unit of numerator or denominator scales the ratio and nothing else', () => {
    const factor = fc.constantFrom(0.125, 8, -2);
    fc.assert(
      fc.property(ratioRows, factor, fc.constantFrom(0.5, 4), (rows, top, bottom) => {
        const [numerators, denominators] = rows;
        const plain = ratioMomentsOf(numerators, denominators);
        const scaled = ratioMomentsOf(
          numerators.map((x) => x * top),
          denominators.map((x) => x * bottom),
        );
        if ('status' in plain || 'status' in scaled) throw new Error('no ratio');
        expect(scaled.mean + 0).toBe((plain.mean * top) / bottom + 0);
        expect(scaled.m2).toBe(plain.m2 * (top / bottom) ** 2);
      }),
      runs(200),
    );
  });

  test('raw values and co-moments give the same ratio', () => {
    fc.assert(
      fc.property(ratioRows, (rows) => {
        const [byRows, byMoments] = [ratioMomentsOf(...rows), ratioMoments(coMomentsOf(rows))];
        if ('status' in byRows || 'status' in byMoments) throw new Error('no ratio');
        near(byMoments.mean, byRows.mean, 1);
        const raw = momentsOf(rows[0]).m2 + byRows.mean ** 2 * momentsOf(rows[1]).m2;
        near(byMoments.m2, byRows.m2, raw / momentsOf(rows[1]).mean ** 2);
      }),
      runs(200),
    );
  });

  test('a constant denominator of 1 is no ratio at all', () => {
    fc.assert(
      fc.property(fc.array(coarse, { minLength: 2, maxLength: 30 }), (values) => {
        const plain = momentsOf(values);
        const divided = ratioMomentsOf(
          values,
          values.map(() => 1),
        );
        if ('status' in divided) throw new Error(divided.status);
        near(divided.mean, plain.mean, 1);
        near(divided.m2, plain.m2);
      }),
      runs(100),
    );
  });

  test('unit and origin of a covariate do not matter to an adjusted effect', () => {
    const arm = table(2, { minRows: 6, maxRows: 25 });
    const slopes = fc.constantFrom('within', 'own', 'total', 'averaged');
    fc.assert(
      fc.property(arm, arm, slopes, (c, t, kind) => {
        const moved = ([y, x]: number[][]): number[][] => [
          y as number[],
          (x as number[]).map((v) => v * -16 + 1024),
        ];
        const options = { alpha: 0.05, slopes: kind };
        const a = cuped(coMomentsOf(c), coMomentsOf(t), options);
        const b = cuped(coMomentsOf(moved(c)), coMomentsOf(moved(t)), options);
        if (a.status !== 'ok' || b.status !== 'ok') throw new Error('no answer');
        expect(b.slopes).toBe(a.slopes);
        expect(b.absolute.status).toBe(a.absolute.status);
        if (a.absolute.status !== 'ok' || b.absolute.status !== 'ok') return;
        if ((a.varianceReduction ?? 1) > 1 - 1e-6) return;
        const size = Math.abs(a.absolute.estimate) + 1000 * a.absolute.se;
        expect(Math.abs(b.absolute.estimate - a.absolute.estimate)).toBeLessThan(1e-8 * size);
        expect(Math.abs(b.absolute.se - a.absolute.se)).toBeLessThan(1e-6 * a.absolute.se);
      }),
      runs(200, 20_000),
    );
  });

  test('a covariate cannot make the sum of squares within arms larger', () => {
    const arm = table(3, { minRows: 6, maxRows: 25 });
    fc.assert(
      fc.property(arm, arm, (c, t) => {
        const result = adjust([coMomentsOf(c), coMomentsOf(t)], { slopes: 'within' });
        if (result.status !== 'ok') throw new Error(result.status);
        const sum = (of: 'moments' | 'outcome'): number =>
          result.arms.reduce((total, each) => total + each[of].m2, 0);
        expect(sum('moments')).toBeLessThanOrEqual(sum('outcome') * (1 + 1e-9));
      }),
      runs(300),
    );
  });

  test('quantiles follow every shift and scale', () => {
    const sample = fc.array(coarse, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(sample, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (values, p) => {
        const a = quantileArm(values, { p, alpha: 0.05 });
        const b = quantileArm(
          values.map((x) => 4 * x + 256),
          { p, alpha: 0.05 },
        );
        if ('status' in a || 'status' in b) throw new Error('no quantile');
        near(b.estimate, 4 * a.estimate + 256, 1000);
        expect(b.ranks).toEqual(a.ranks);
        expect(b.lower).toBe(4 * a.lower + 256);
        near(b.se, 4 * a.se);
        expect(sampleQuantile(values, p)).toBe(a.estimate);
        expect(a.lower).toBeLessThanOrEqual(a.upper);
      }),
      runs(300),
    );
  });

  test('a regression follows the unit of the outcome, not its origin', () => {
    const rows = fc.array(fc.tuple(coarse, fc.boolean(), fc.integer({ min: 0, max: 4 })), {
      minLength: 6,
      maxLength: 25,
    });
    fc.assert(
      fc.property(rows, (all) => {
        const of = (change: (y: number) => number) =>
          clusterRobust(
            { outcome: all.map(([y]) => change(y)), treated: all.map(([, z]) => z) },
            { alpha: 0.05, cluster: all.map(([, , g]) => g) },
          );
        const [a, b] = [of((y) => y), of((y) => -8 * y + 4096)];
        expect(b.status).toBe(a.status);
        if (a.status !== 'ok' || b.status !== 'ok') return;
        near(b.estimate, -8 * a.estimate, 1e5);
        near(b.se, 8 * a.se, 1e4 + 8 * a.se);
      }),
      runs(200, 20_000),
    );
  });

  test('without covariates a regression with cluster errors finds the difference of means', () => {
    const rows = fc.array(fc.tuple(coarse, fc.boolean()), { minLength: 4, maxLength: 30 });
    fc.assert(
      fc.property(rows, (all) => {
        const arm = (is: boolean): Moments =>
          momentsOf(all.filter(([, z]) => z === is).map(([y]) => y));
        const result = clusterRobust(
          { outcome: all.map(([y]) => y), treated: all.map(([, z]) => z) },
          { alpha: 0.05, cluster: all.map((_, i) => i) },
        );
        if (result.status !== 'ok') return;
        near(result.estimate, arm(true).mean - arm(false).mean, 1000);
        // Clusters of one row: CR2 is the error of Welch's test.
        const plain = welch(arm(false), arm(true), { alpha: 0.05 });
        if (plain.status === 'ok') near(result.se, plain.se);
      }),
      runs(200),
    );
  });

  test('intervals shrink as units are added', () => {
    const arm = table(2, { minRows: 6, maxRows: 25 });
    fc.assert(
      fc.property(arm, arm, fc.integer({ min: 2, max: 50 }), (c, t, times) => {
        const [a, b] = [coMomentsOf(c), coMomentsOf(t)];
        const more = (one: CoMoments): CoMoments => {
          let all = one;
          for (let k = 1; k < times; k += 1) all = mergeCoMoments(all, one);
          return all;
        };
        const width = (x: CoMoments, y: CoMoments): number | undefined => {
          const result = cuped(x, y, { alpha: 0.05, slopes: 'within' });
          if (result.status !== 'ok' || result.absolute.status !== 'ok') return undefined;
          return result.absolute.upper - result.absolute.lower;
        };
        const [few, many] = [width(a, b), width(more(a), more(b))];
        if (few === undefined || many === undefined) return;
        expect(many).toBeLessThan(few * (1 + 1e-9));
      }),
      runs(100, 5000),
    );
  });
});

describe('health', () => {
  const counts = fc.array(fc.nat({ max: 400 }), { minLength: 3, maxLength: 3 });
  const weights = fc.constantFrom([1, 1, 1], [8, 1, 1], [2, 2, 2], [0.9, 0.05, 0.05]);

  test('periods with the same weights are one period', () => {
    fc.assert(
      fc.property(counts, counts, weights, (a, b, w) => {
        const both = sampleRatioByPeriod([
          { counts: a, weights: w },
          { counts: b, weights: w.map((x) => x * 3) },
        ]);
        const whole = sampleRatioMismatch(
          a.map((count, i) => count + (b[i] as number)),
          w,
        );
        expect(both.status).toBe(whole.status);
        if (both.status === 'ok' && whole.status === 'ok') expect(both.p).toBe(whole.p);
      }),
      runs(30, 500),
    );
  });

  test('a ramp alone raises no alarm where pooled counts would', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 100_000 }), (n) => {
        const periods = [
          { counts: [n * 9, n], weights: [9, 1] },
          { counts: [n * 5, n * 5], weights: [1, 1] },
        ];
        expect(sampleRatioByPeriod(periods)).toMatchObject({ status: 'ok', p: 1 });
        const pooled = sampleRatioMismatch([n * 14, n * 6], [1, 1]);
        expect(pooled.status === 'ok' && pooled.p).toBeLessThan(0.001);
        const sequential = sequentialSampleRatioByPeriod(periods);
        expect(sequential.status === 'ok' && sequential.p).toBe(1);
      }),
      runs(50),
    );
  });

  test('two arms of a covariate: Welch; the order of arms does not matter', () => {
    const sample = fc.array(coarse, { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(sample, sample, sample, (x, y, z) => {
        const [a, b, c] = [momentsOf(x), momentsOf(y), momentsOf(z)];
        const two = preperiodImbalance([a, b]);
        const plain = welch(a, b, { alpha: 0.05 });
        if (two.status === 'ok' && plain.status === 'ok') expect(two.p).toBe(plain.p);
        const [three, turned] = [preperiodImbalance([a, b, c]), preperiodImbalance([c, a, b])];
        expect(turned.status).toBe(three.status);
        if (three.status !== 'ok' || turned.status !== 'ok') return;
        expect(Math.abs(turned.logP - three.logP)).toBeLessThan(1e-8 * (1 + Math.abs(three.logP)));
      }),
      runs(100),
    );
  });

  test('missing and present are two sides of one test', () => {
    const arm = fc
      .integer({ min: 0, max: 12 })
      .chain((n) => fc.nat({ max: n }).map((missing) => ({ missing, n })));
    fc.assert(
      fc.property(fc.array(arm, { minLength: 2, maxLength: 3 }), (arms) => {
        const a = missingDifference(arms);
        const b = missingDifference(arms.map(({ missing, n }) => ({ missing: n - missing, n })));
        expect(b.status).toBe(a.status);
        if (a.status !== 'ok' || b.status !== 'ok') return;
        expect(Math.abs(b.p - a.p)).toBeLessThanOrEqual(1e-9 * a.p);
        expect(a.p).toBeLessThanOrEqual(1);
      }),
      runs(200),
    );
  });
});

test('e-values adjusted as a family are monotone, and 1 / e is never beaten', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -50, max: 800, noNaN: true }), { minLength: 1 }),
      (logE) => {
        const adjusted = eBenjaminiHochberg(logE) as number[];
        const byP = benjaminiHochberg(logE.map((e) => Math.min(1, Math.exp(-e)))) as number[];
        logE.forEach((e, i) => {
          const own = adjusted[i] as number;
          expect(own).toBeGreaterThanOrEqual(Math.min(1, Math.exp(-e)) * (1 - 1e-12));
          if (logE.every((other) => other >= 0)) {
            expect(Math.abs(own - (byP[i] as number))).toBeLessThanOrEqual(1e-9 * own + 1e-300);
          }
          logE.forEach((other, j) => {
            if (other > e) expect(adjusted[j]).toBeLessThanOrEqual(own);
          });
        });
      },
    ),
    runs(200),
  );
});

// --- extremes -------------------------------------------------------------------------------

describe('no NaN or infinity leaves', () => {
  function expectFinite(result: unknown): void {
    if (typeof result === 'number') expect(result, 'a number').toSatisfy(Number.isFinite);
    else if (typeof result === 'object' && result !== null)
      Object.values(result).forEach(expectFinite);
  }

  const size = fc.oneof(
    fc.constantFrom(0, 5e-324, 1e-300, 1e-160, 1, 1e140, -1e140, -1),
    fc.double({ min: -1e140, max: 1e140, noNaN: true }),
    value,
  );
  /** Any co-moments of two variables that Cauchy and Schwarz allow. */
  const extreme: fc.Arbitrary<CoMoments> = fc
    .record({
      n: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(1e9), fc.constant(2 ** 51)),
      means: fc.tuple(size, size),
      roots: fc.tuple(size, size),
      correlation: fc.oneof(
        fc.constantFrom(-1, 0, 1, 1 - 1e-13),
        fc.double({ min: -1, max: 1, noNaN: true }),
      ),
    })
    .map(({ n, means, roots, correlation }) => {
      const [a, b] = roots.map(Math.abs) as [number, number];
      const [aa, bb] = [a * a, b * b];
      const ab = aa === 0 || bb === 0 ? 0 : a * b * correlation;
      const empty = n === 0;
      return {
        n,
        means: empty ? [0, 0] : means,
        cross: empty
          ? [
              [0, 0],
              [0, 0],
            ]
          : [
              [aa, ab],
              [ab, bb],
            ],
      };
    });
  const slopes = fc.constantFrom('within', 'own', 'total', 'averaged', undefined);

  test('from any co-moments', () => {
    fc.assert(
      fc.property(extreme, extreme, alpha, slopes, (c, t, level, kind) => {
        expectFinite(ratioMoments(c));
        expectFinite(ratio(c, t, { alpha: level }));
        expectFinite(cuped(c, t, { alpha: level, ...(kind !== undefined && { slopes: kind }) }));
        expectFinite(
          cuped(c, t, {
            alpha: level,
            variables: [{ numerator: 0, denominator: 1 }, 1],
          }),
        );
        expectFinite(
          diluteRatio(c, t, {
            alpha: level,
            share: 0.1,
            overall: { numerator: c.means[0] as number, denominator: c.means[1] as number },
          }),
        );
        expectFinite(
          dilute(momentsAt(c, 0), momentsAt(t, 0), {
            alpha: level,
            share: 1e-9,
            overall: { mean: c.means[1] as number },
            units: 1000,
          }),
        );
        expectFinite(preperiodImbalance([momentsAt(c, 0), momentsAt(t, 0), momentsAt(t, 1)]));
      }),
      runs(1000),
    );
  });

  test('from any values', () => {
    const list = fc.array(size, { maxLength: 12 });
    fc.assert(
      fc.property(list, list, alpha, (c, t, level) => {
        expectFinite(coMomentsOf([c, c.toReversed()]));
        expectFinite(ratioMomentsOf(c, c.toReversed()));
        expectFinite(winsorized(c, t, { alpha: level, upper: 0.9 }));
        const [a, b] = [c, t].map((values) => quantileArm(values, { p: 0.9, alpha: level }));
        expectFinite([a, b]);
        if (a === undefined || b === undefined || 'status' in a || 'status' in b) return;
        expectFinite(compareQuantiles(a, b, { alpha: level, allowThin: true }));
      }),
      runs(500),
    );
  });

  test('from any rows of a regression', () => {
    const rows = fc.array(fc.tuple(size, fc.boolean(), size, fc.integer({ min: 0, max: 3 })), {
      minLength: 1,
      maxLength: 10,
    });
    fc.assert(
      fc.property(rows, alpha, (all, level) => {
        const data = {
          outcome: all.map(([y]) => y),
          treated: all.map(([, z]) => z),
          covariates: [all.map(([, , x]) => x)],
        };
        const cluster = all.map(([, , , g]) => g);
        for (const kind of ['hc0', 'hc1', 'hc2', 'hc3'] as const) {
          expectFinite(regressionEffect(data, { alpha: level, errors: { kind }, slopes: 'own' }));
        }
        for (const kind of ['cr0', 'cr0_adjusted', 'cr1', 'cr2'] as const) {
          expectFinite(regressionEffect(data, { alpha: level, errors: { kind, cluster } }));
        }
      }),
      runs(300),
    );
  });

  test('from any counts', () => {
    const arm = fc
      .tuple(fc.integer({ min: 1, max: 1e9 }), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([n, share]) => ({ n, successes: Math.round(n * share) }));
    fc.assert(
      fc.property(arm, arm, alpha, (control, treatment, level) => {
        const options = { alpha: level };
        expectFinite(momentsOfRate(control));
        expectFinite(rates(control, treatment, options));
        expectFinite(waldTest(control, treatment, options));
        expectFinite(rateLift(control, treatment, options));
        expectFinite(relative(momentsOfRate(control), momentsOfRate(treatment), options));
        const missing = [control, treatment, { n: 5, successes: 1 }];
        expectFinite(
          missingDifference(missing.map(({ n, successes }) => ({ n, missing: successes }))),
        );
        expectFinite(exceedsRate({ count: control.successes, n: control.n, limit: level }));
      }),
      runs(300),
    );
  });
});
