/**
 * Group-sequential monitoring: how much evidence each planned look demands so that all looks
 * together keep the promised error rate. The law of the statistic's path is in walk.ts.
 */
import {
  requireFinite,
  requireNonNegative,
  requirePositive,
  requireProbability,
} from './checks.ts';
import { normalUpperQuantile, normalUpperTail } from './distributions.ts';
import { findFall } from './special.ts';
import { advance, lowerCrossing, solveCritical, startOf, stepTo, upperCrossing } from './walk.ts';

export type Spending = {
  readonly kind: 'obrien_fleming' | 'pocock' | 'power' | 'hwang_shih_decani';
  /** Exponent of 'power' [2], gamma of 'hwang_shih_decani' [-4]; unused otherwise. */
  readonly parameter?: number;
};

export type BoundaryPlan = {
  /** Total error rate in (0, 1); over both tails when sides = 2. */
  readonly alpha: number;
  /**
   * Information at each look so far as a share of the planned total: > 0, never decreasing; above
   * 1 is an overrun. Mostly matured units over planned units.
   */
  readonly information: readonly number[];
  readonly spending: Spending;
  /** The last look given is the last one ever: it spends what is left, whatever its information. */
  readonly final?: boolean;
  /** 2 [2]: symmetric, alpha / 2 a tail. 1: upper boundary only. */
  readonly sides?: 1 | 2;
};

export type Boundaries = {
  /** Stop at look k when |Z| (Z when one-sided) reaches this; at most 30, which means never. */
  readonly criticalValues: readonly number[];
  /** Error rate spent up to and including look k, all tails together. */
  readonly spent: readonly number[];
};

/** No repeated p-value is reported below this. */
const SMALLEST_P = 1e-180;
/** Two looks this close (relative) are one look at the same data. */
const SAME_INFORMATION = 1e-7;

/**
 * How large must |Z| be at each look for the looks together to keep alpha?
 *
 * Lan and DeMets: alpha is spent along a fixed function of the information, so neither the number
 * nor the times of the looks need be known beforehand, only that they do not depend on the effect.
 * Overrun: a look at information >= 1 spends all that is left. Underrun: give `final`. A look at
 * the same information as the one before reuses its boundary (unless it is final: then it gets
 * what is left).
 *
 *   tail a' = alpha / sides;  spent a'(t) by kind:
 *   obrien_fleming     2 (1 - Phi(z_{a'/2} / sqrt t))
 *   pocock             a' log(1 + (e - 1) t)
 *   power              a' t^parameter
 *   hwang_shih_decani  a' (1 - exp(-parameter t)) / (1 - exp(-parameter))
 *   c_k solves P(no stop before k, Z_k > c_k) = a'(t_k) - a'(t_{k-1})
 *
 * @param plan  Alpha, information of the looks so far, spending, and whether the last is final.
 * @returns Critical values and cumulative spend, one a look; critical values accurate to 1e-9.
 * @throws RangeError when an argument breaks its stated range, or information decreases.
 * @source Lan and DeMets (1983), Biometrika 70; Armitage, McPherson, Rowe (1969) for the recursion.
 *         Checked against an independent recursion and rpact 3.3.4 in
 *         test/golden/vectors/group_sequential_boundaries.json.
 */
export function boundaries(plan: BoundaryPlan): Boundaries {
  const { alpha, information, spending, final = false, sides = 2 } = plan;
  requireProbability('alpha', alpha);
  requireInformation(information);
  requireSpending(spending);
  const criticalValues: number[] = [];
  const spent: number[] = [];
  let walk = startOf(sides, 0);
  let before = walk;
  let spentBefore = 0;
  let spentNow = 0;

  information.forEach((t, k) => {
    const last = final && k === information.length - 1;
    const target = last ? alpha / sides : spentTail(alpha / sides, t, spending);
    const previous = criticalValues[k - 1];
    const sameData = previous !== undefined && t - walk.t <= SAME_INFORMATION * t;
    if (sameData && target <= spentNow * (1 + 1e-12)) {
      criticalValues.push(previous);
      spent.push(sides * spentNow);
      return;
    }
    if (!sameData) {
      before = walk;
      spentBefore = spentNow;
    }
    // At the same data the look before is settled anew, with all it may spend by now.
    const at = sameData ? walk.t : t;
    const step = stepTo(before, at);
    const criticalValue = solveCritical(step, target - spentBefore);
    spentNow = Math.max(target, spentNow);
    criticalValues.push(criticalValue);
    spent.push(sides * spentNow);
    walk = advance(step, criticalValue);
  });
  return { criticalValues, spent };
}

/**
 * What is the p-value of a group-sequential analysis at its latest look?
 *
 * The smallest alpha at which this look would have stopped, under the same spending and the same
 * looks. It is below alpha exactly when this look crosses its boundary; valid at any look.
 *
 * @param options.z  Statistic of the latest look; its size is used when sides = 2.
 * @param options    information, spending, final, sides as in `boundaries`.
 * @returns A p-value in [1e-180, 1]; 1 when no alpha below 1 would have stopped here.
 * @throws RangeError when an argument breaks its stated range.
 * @source Jennison and Turnbull (2000), Group Sequential Methods (repeated p-values).
 */
export function repeatedP(options: Omit<BoundaryPlan, 'alpha'> & { readonly z: number }): number {
  const { z, ...plan } = options;
  requireFinite('z', z);
  const statistic = plan.sides === 1 ? z : Math.abs(z);
  const shortfall = (logAlpha: number): number => {
    const { criticalValues } = boundaries({ ...plan, alpha: Math.exp(logAlpha) });
    return (criticalValues.at(-1) as number) - statistic;
  };
  // No boundary is crossed more easily than one test at its own level.
  const nominal = (plan.sides ?? 2) * normalUpperTail(statistic);
  const low = Math.log(Math.max(SMALLEST_P, Math.min(nominal, 0.5)));
  const high = Math.log1p(-1e-9);
  if (shortfall(high) > 0) return 1;
  if (shortfall(low) <= 0) return Math.exp(low);
  return Math.exp(findFall(shortfall, low, high, 1e-13 * Math.max(1, -low)));
}

/**
 * If things go on like this, how likely does the last look cross?
 *
 * The chance, given the present statistic, that Z at full information exceeds the last look's
 * critical value. Under 10% a trial is often called futile. Without `drift` the present trend is
 * taken for true, which is optimistic early after a lucky start.
 *
 *   Z_1 ~ Normal(z sqrt t + drift (1 - t), 1 - t),   drift = z / sqrt t when not given
 *
 * @param options.z              Present statistic, signed so that > 0 is the wanted direction.
 * @param options.information    t > 0: present share of the planned information.
 * @param options.criticalValue  Critical value of the last look.
 * @param options.drift          Expected Z at full information [present trend].
 * @returns A probability; 0 or 1 when t >= 1, by whether z exceeds the critical value.
 * @throws RangeError when an argument breaks its stated range.
 * @source Lachin (2005), Statistics in Medicine 24.
 */
export function conditionalPower(options: {
  readonly z: number;
  readonly information: number;
  readonly criticalValue: number;
  readonly drift?: number;
}): number {
  const { z, information: t, criticalValue } = options;
  requireFinite('z', z);
  requirePositive('information', t);
  requireFinite('criticalValue', criticalValue);
  const drift = options.drift ?? z / Math.sqrt(t);
  requireFinite('drift', drift);
  if (t >= 1) return z > criticalValue ? 1 : 0;
  const expected = z * Math.sqrt(t) + drift * (1 - t);
  return normalUpperTail((criticalValue - expected) / Math.sqrt(1 - t));
}

/**
 * How likely is a stop at each look, when the true effect is this large?
 *
 * With drift 0 the sum is the error rate; with the drift of an effect it is the power.
 *
 *   Z_k ~ Normal(drift sqrt(t_k), 1)
 *
 * @param options.information     Shares of the planned information, > 0, increasing.
 * @param options.criticalValues  One a look.
 * @param options.drift           Expected Z at full information [0].
 * @param options.sides           2 [2]: stop at |Z| >= c; 1: stop at Z >= c.
 * @returns Probability of the first crossing at each look, upper and lower apart (lower is 0 when
 *          one-sided).
 * @throws RangeError when an argument breaks its stated range.
 * @source Armitage, McPherson, Rowe (1969), JRSS A 132.
 */
export function crossingProbabilities(options: {
  readonly information: readonly number[];
  readonly criticalValues: readonly number[];
  readonly drift?: number;
  readonly sides?: 1 | 2;
}): readonly { readonly upper: number; readonly lower: number }[] {
  const { information, criticalValues, drift = 0, sides = 2 } = options;
  requireFinite('drift', drift);
  requireInformation(information);
  if (criticalValues.length !== information.length) {
    throw new RangeError(
      `criticalValues has ${criticalValues.length} looks, information ${information.length}`,
    );
  }
  let walk = startOf(sides, drift);
  return information.map((t, k) => {
    const criticalValue = criticalValues[k] as number;
    requireFinite(`criticalValues[${k}]`, criticalValue);
    if (t - walk.t <= SAME_INFORMATION * t) return { upper: 0, lower: 0 };
    const step = stepTo(walk, t);
    const upper = upperCrossing(step, criticalValue);
    const lower = sides === 2 ? lowerCrossing(step, criticalValue) : 0;
    walk = advance(step, criticalValue);
    return { upper, lower };
  });
}

/**
 * How many more units does monitoring cost at most, against one look at the end?
 *
 *   (drift that gives the wanted power / (z_{alpha/sides} + z_{1-power}))^2
 *
 * @param options        alpha, information (last >= 1 or final), spending, sides as in
 *                       `boundaries`.
 * @param options.power  In (alpha, 1): probability of an upper crossing at some look.
 * @param options.counting  Crossings that count as power: the 'upper' ones ['upper'], as rpact has
 *                          it, or 'either' boundary's.
 * @returns The factor on the maximum sample size, >= 1.
 * @throws RangeError when an argument breaks its stated range.
 * @source Jennison and Turnbull (2000), Group Sequential Methods. Checked against rpact 3.3.4 and
 *         an independent recursion in test/golden/vectors/power.json.
 */
export function inflationFactor(
  options: BoundaryPlan & { readonly power: number; readonly counting?: 'upper' | 'either' },
): number {
  const { criticalValues } = boundaries(options);
  return inflationOf({ ...options, criticalValues });
}

/** As inflationFactor, of critical values already at hand. */
export function inflationOf(options: {
  readonly alpha: number;
  readonly power: number;
  readonly information: readonly number[];
  readonly criticalValues: readonly number[];
  readonly sides?: 1 | 2;
  readonly counting?: 'upper' | 'either';
}): number {
  const { alpha, power, information, criticalValues, sides = 2, counting = 'upper' } = options;
  requireProbability('alpha', alpha);
  requireProbability('power', power);
  if (power <= alpha) throw new RangeError(`power = ${power}: must be above alpha = ${alpha}`);
  const fixed = normalUpperQuantile(alpha / sides) + normalUpperQuantile(1 - power);
  const reached = (drift: number): number =>
    crossingProbabilities({ information, criticalValues, drift, sides }).reduce(
      (total, { upper, lower }) => total + upper + (counting === 'either' ? lower : 0),
      0,
    );
  const shortfall = (drift: number): number => power - reached(drift);
  let enough = Math.max(fixed, 0.1);
  while (shortfall(enough) > 0) enough *= 1.5;
  const drift = findFall(shortfall, 0, enough, 1e-11 * enough);
  return (drift / fixed) ** 2;
}

/**
 * The two classic boundaries with a fixed shape, for equally spaced planned looks.
 *
 *   c_k = C (pocock) or C / sqrt(t_k / t_K) (obrien_fleming), with C so that all looks spend alpha
 *
 * @param options.alpha        In (0, 1), total.
 * @param options.information  All planned looks, increasing; shares of the last one are used.
 * @param options.shape        'pocock' | 'obrien_fleming'.
 * @param options.sides        2 [2] | 1.
 * @returns Critical values and cumulative spend.
 * @throws RangeError when an argument breaks its stated range.
 * @source Pocock (1977); O'Brien and Fleming (1979). Checked as `boundaries`.
 */
export function classicBoundaries(options: {
  readonly alpha: number;
  readonly information: readonly number[];
  readonly shape: 'pocock' | 'obrien_fleming';
  readonly sides?: 1 | 2;
}): Boundaries {
  const { alpha, information, shape, sides = 2 } = options;
  requireProbability('alpha', alpha);
  requireInformation(information);
  const end = information.at(-1) as number;
  const shares = information.map((t) => t / end);
  const shaped = (c: number): number[] =>
    shares.map((t) => (shape === 'pocock' ? c : c / Math.sqrt(t)));
  const spentBy = (criticalValues: readonly number[]): number[] => {
    let total = 0;
    return crossingProbabilities({ information: shares, criticalValues, sides }).map(
      ({ upper, lower }) => {
        total += upper + lower;
        return total;
      },
    );
  };
  const excess = (c: number): number => (spentBy(shaped(c)).at(-1) as number) - alpha;
  const least = normalUpperQuantile(alpha / sides);
  const most = normalUpperQuantile(alpha / sides / information.length) + 1e-6;
  const c = information.length === 1 ? least : findFall(excess, least, most, 1e-13);
  const criticalValues = shaped(c);
  return { criticalValues, spent: spentBy(criticalValues) };
}

// --- spending -------------------------------------------------------------------------------

/** What one tail may have spent by information t, of its total. */
function spentTail(tail: number, t: number, spending: Spending): number {
  if (t >= 1) return tail;
  switch (spending.kind) {
    case 'obrien_fleming':
      return 2 * normalUpperTail(normalUpperQuantile(tail / 2) / Math.sqrt(t));
    case 'pocock':
      return tail * Math.log1p((Math.E - 1) * t);
    case 'power':
      return tail * t ** (spending.parameter ?? 2);
    case 'hwang_shih_decani': {
      const gamma = spending.parameter ?? -4;
      return gamma === 0 ? tail * t : (tail * Math.expm1(-gamma * t)) / Math.expm1(-gamma);
    }
  }
}

function requireSpending({ kind, parameter }: Spending): void {
  if (parameter === undefined) return;
  if (kind === 'power') requirePositive('spending.parameter', parameter);
  else if (!(Math.abs(parameter) <= 100)) {
    throw new RangeError(`spending.parameter = ${parameter}: must be in [-100, 100]`);
  }
}

function requireInformation(information: readonly number[]): void {
  if (information.length === 0) throw new RangeError('information: at least one look');
  information.forEach((t, k) => {
    requirePositive(`information[${k}]`, t);
    const previous = information[k - 1] ?? 0;
    requireNonNegative(`information[${k}] - information[${k - 1}]`, t - previous);
  });
}
