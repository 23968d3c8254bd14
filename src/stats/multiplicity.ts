/**
 * Adjusted p-values of a family. A null is a comparison without a p-value: it stays null and does
 * not count towards the size of the family. Order is kept; equal p-values get equal answers.
 */

import { requireFinite, requireProbability } from './checks.ts';

export type PValues = readonly (number | null)[];
export type AdjustedPValues = (number | null)[];

/**
 * Which of these tests hold up if not one false alarm is wanted? Any dependence.
 *
 *   cumulative max of p_(i) (m - i + 1), at most 1
 *
 * @param values  p-values in [0, 1], or null.
 * @returns Adjusted p-values in the given order; compare with the family's alpha.
 * @throws RangeError when a value is not in [0, 1].
 * @source Holm (1979). Checked against R p.adjust in test/golden/vectors/multiple_testing.json.
 */
export function holm(values: PValues): AdjustedPValues {
  return stepDown(values, (p, rank, m) => p * (m - rank + 1));
}

/**
 * As holm, a little sharper, for independent or positively dependent tests.
 *
 *   cumulative min from the largest of p_(i) (m - i + 1), at most 1
 *
 * @param values  p-values in [0, 1], or null.
 * @returns Adjusted p-values in the given order.
 * @throws RangeError when a value is not in [0, 1].
 * @source Hochberg (1988). Checked as holm.
 */
export function hochberg(values: PValues): AdjustedPValues {
  return stepUp(values, (p, rank, m) => p * (m - rank + 1));
}

/**
 * Each p-value times the size of the family. Any dependence; holm is never worse.
 *
 *   min(1, p m)
 *
 * @param values  p-values in [0, 1], or null.
 * @returns Adjusted p-values in the given order.
 * @throws RangeError when a value is not in [0, 1].
 * @source Dunn (1961). Checked as holm.
 */
export function bonferroni(values: PValues): AdjustedPValues {
  const m = ascending(values).length;
  return values.map((p) => (p === null ? null : Math.min(1, p * m)));
}

/**
 * Which of these are discoveries if a share of false ones is tolerable (independent or positively
 * dependent tests)?
 *
 *   cumulative min from the largest of p_(i) m / i, at most 1
 *
 * @param values  p-values in [0, 1], or null.
 * @returns Adjusted p-values in the given order; compare with the tolerated share q.
 * @throws RangeError when a value is not in [0, 1].
 * @source Benjamini and Hochberg (1995). Checked as holm.
 */
export function benjaminiHochberg(values: PValues): AdjustedPValues {
  return stepUp(values, (p, rank, m) => p * (m / rank));
}

/**
 * As benjaminiHochberg, for any dependence.
 *
 *   cumulative min from the largest of p_(i) m H_m / i, at most 1, with H_m = 1 + 1/2 + ... + 1/m
 *
 * @param values  p-values in [0, 1], or null.
 * @returns Adjusted p-values in the given order.
 * @throws RangeError when a value is not in [0, 1].
 * @source Benjamini and Yekutieli (2001). Checked as holm.
 */
export function benjaminiYekutieli(values: PValues): AdjustedPValues {
  const m = ascending(values).length;
  let harmonic = 0;
  for (let k = m; k >= 1; k -= 1) harmonic += 1 / k;
  return stepUp(values, (p, rank) => p * ((m * harmonic) / rank));
}

/**
 * As benjaminiHochberg, of e-values: for tests that may be looked at at any time, under any
 * dependence.
 *
 *   benjaminiHochberg of 1 / e (where that is above 1, it stays above until the end)
 *
 * @param logEValues  Natural logarithms of e-values (sequential tests report them), or null.
 * @returns Adjusted values in [0, 1] in the given order; compare with the tolerated share q.
 * @throws RangeError when a value is not finite.
 * @source Wang and Ramdas (2022), JRSS B 84.
 */
export function eBenjaminiHochberg(logEValues: PValues): AdjustedPValues {
  logEValues.forEach((logE, i) => {
    if (logE !== null) requireFinite(`logEValues[${i}]`, logE);
  });
  const ranked = logEValues
    .flatMap((logE, index) => (logE === null ? [] : [{ logE, index }]))
    .sort((a, b) => b.logE - a.logE || a.index - b.index);
  const adjusted: AdjustedPValues = logEValues.map(() => null);
  let bound = 1;
  for (let i = ranked.length - 1; i >= 0; i -= 1) {
    const { logE, index } = ranked[i] as { logE: number; index: number };
    bound = Math.min(bound, Math.exp(Math.log(ranked.length / (i + 1)) - logE));
    adjusted[index] = bound;
  }
  return adjusted;
}

export type FalseCoverage = {
  /** In the given order: is it a discovery? null where there is no p-value. */
  readonly selected: readonly (boolean | null)[];
  /** Of m tests. */
  readonly discoveries: number;
  /** The alpha at which to compute every interval of the family; null for an empty family. */
  readonly alpha: number | null;
};

/**
 * At which level must intervals be shown, when only the discoveries are looked at?
 *
 * Benjamini and Hochberg's discoveries, and the level at which their intervals cover as promised
 * on average. At that level an interval excludes 0 exactly when it is a discovery, for all tests of
 * the family.
 *
 *   R = largest k with p_(k) < k q / m,  alpha = max(R, 1) q / m
 *
 * @param values  p-values in [0, 1], or null.
 * @param q       Tolerated share of false discoveries, in (0, 1).
 * @returns Who is selected, and the alpha of the intervals.
 * @throws RangeError when an argument is out of range.
 * @source Benjamini and Yekutieli (2005), JASA 100.
 */
export function falseCoverage(values: PValues, q: number): FalseCoverage {
  requireProbability('q', q);
  const ranked = ascending(values);
  const m = ranked.length;
  let discoveries = 0;
  ranked.forEach(({ p }, i) => {
    if (p < ((i + 1) * q) / m) discoveries = i + 1;
  });
  const alpha = m === 0 ? null : (Math.max(discoveries, 1) * q) / m;
  return {
    selected: values.map((p) => (p === null || alpha === null ? null : p < alpha)),
    discoveries,
    alpha,
  };
}

type Scale = (p: number, rank: number, m: number) => number;
type Ranked = { readonly p: number; readonly index: number };

/** From the smallest up: no adjusted value is smaller than the one before. */
function stepDown(values: PValues, scale: Scale): AdjustedPValues {
  const ranked = ascending(values);
  const adjusted: AdjustedPValues = values.map(() => null);
  let bound = 0;
  ranked.forEach(({ p, index }, i) => {
    bound = Math.max(bound, Math.min(1, scale(p, i + 1, ranked.length)));
    adjusted[index] = bound;
  });
  return adjusted;
}

/** From the largest down: no adjusted value is larger than the one before. */
function stepUp(values: PValues, scale: Scale): AdjustedPValues {
  const ranked = ascending(values);
  const adjusted: AdjustedPValues = values.map(() => null);
  let bound = 1;
  for (let i = ranked.length - 1; i >= 0; i -= 1) {
    const { p, index } = ranked[i] as Ranked;
    bound = Math.min(bound, scale(p, i + 1, ranked.length));
    adjusted[index] = bound;
  }
  return adjusted;
}

function ascending(values: PValues): Ranked[] {
  const present: Ranked[] = [];
  values.forEach((p, index) => {
    if (p === null) return;
    if (!(p >= 0 && p <= 1)) throw new RangeError(`values[${index}] = ${p}: must be in [0, 1]`);
    present.push({ p, index });
  });
  return present.sort((a, b) => a.p - b.p || a.index - b.index);
}
