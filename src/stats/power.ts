/**
 * Planning: how many units an experiment needs, what it can detect, and with what power. One
 * model behind all of it: the statistic is normal with mean drift = effect / se, and a method of
 * monitoring says which drift it takes. Never compute power from the observed effect.
 */
import {
  requireBetween,
  requireFinite,
  requireNonNegative,
  requirePositive,
  requireProbability,
} from './checks.ts';
import { normalUpperQuantile, normalUpperTail } from './distributions.ts';
import {
  boundaries,
  crossingProbabilities,
  inflationFactor,
  type Spending,
} from './group-sequential.ts';
import { findFall } from './special.ts';

/** What a unit's value looks like in the control arm, from past data. */
export type PlannedMetric =
  | {
      readonly kind: 'mean';
      /** Standard deviation of the units; > 0. */
      readonly sd: number;
      /** Of the treatment's units [sd]. */
      readonly treatmentSd?: number;
      /** Needed for effects and margins relative to it. */
      readonly mean?: number;
    }
  | {
      readonly kind: 'proportion';
      /** In (0, 1). */
      readonly rate: number;
    }
  | {
      readonly kind: 'ratio';
      /** Means, variances and covariance of numerator and denominator over units. */
      readonly numeratorMean: number;
      readonly denominatorMean: number;
      readonly numeratorVariance: number;
      readonly denominatorVariance: number;
      readonly covariance: number;
    }
  | {
      /** Any other estimate whose error shrinks with the root of the units, a quantile for one. */
      readonly kind: 'pilot';
      /** What a pilot of so many units of one arm said, and its standard error > 0. */
      readonly units: number;
      readonly estimate: number;
      readonly se: number;
    };

export type Monitoring =
  /** One look, at the end. */
  | { readonly kind: 'fixed' }
  /** Planned looks; `information` as in `boundaries`, the last look at 1. */
  | {
      readonly kind: 'group_sequential';
      readonly information: readonly number[];
      readonly spending: Spending;
    }
  /**
   * Any look at any time. Power is that at the planned end (looks before it only add to it);
   * plannedN as in `confidenceSequence` [the units of the comparison themselves].
   */
  | { readonly kind: 'always_valid'; readonly plannedN?: number };

export type Design = {
  readonly metric: PlannedMetric;
  /** Total error rate in (0, 1): of all tests together, over both tails when sides = 2. */
  readonly alpha: number;
  /** 2 [2] | 1. A non-inferiority test is one-sided whatever is said here. */
  readonly sides?: 1 | 2;
  /** Traffic of the arms, control first; any positive sum [1, 1]. Each other arm against it. */
  readonly weights?: readonly number[];
  /** Tests that share alpha: success metrics times treatment arms [number of treatments]. */
  readonly tests?: number;
  /** Correlation of the metric with its pre-period covariate (CUPED), in (-1, 1) [0]. */
  readonly covariateCorrelation?: number;
  /** Units come in clusters, which are randomized. */
  readonly clusters?: Clusters;
  /** Share of assigned units that trigger, in (0, 1] [1]; the metric is that of triggered units. */
  readonly triggerRate?: number;
  readonly monitoring?: Monitoring;
  /** Test that a loss beyond the margin can be ruled out, instead of superiority. */
  readonly nonInferiority?: {
    /** Largest tolerated loss, > 0. */
    readonly margin: number;
    readonly marginScale: 'relative' | 'absolute';
    readonly direction: 'increase' | 'decrease';
  };
};

export type Clusters = {
  /** Mean number of units in a cluster, >= 1. */
  readonly sizeMean: number;
  /** Standard deviation of the cluster sizes over their mean [0]. */
  readonly sizeCv?: number;
  /** Correlation of two units in a cluster, in [0, 1]. */
  readonly intraclassCorrelation: number;
};

/** The true effect, treatment - control: in the metric's unit, or a share of |control|. */
export type PlannedEffect = {
  readonly effect: number;
  readonly effectScale: 'relative' | 'absolute';
};

export type SampleSize = {
  /** Units to assign to each arm, control first, rounded up. */
  readonly arms: readonly number[];
  readonly total: number;
  /** The same before rounding. */
  readonly exact: readonly number[];
  /** Units monitoring costs at most, over one look at the end; 1 when fixed. */
  readonly inflation: number;
};

/**
 * How many units does the experiment need?
 *
 * For each comparison with control to find the effect, in the right direction, with this power;
 * the arm with the least traffic decides. With group-sequential monitoring this is the maximum:
 * the expected number is smaller. A relative effect is a share of the control mean, as tested by
 * `relative`: its p-value is that of the difference, so no extra term for the noise of control.
 *
 *   n_c = (z_{a/sides} + z_{1-power})^2 (V_c + V_t / r) / effect^2,  n_t = r n_c,
 *   V = s^2 (1 - rho^2) deff / triggerRate,  a = alpha / tests;  times the inflation of monitoring
 *   non-inferiority: margin + good effect for the effect, V_c times (1 - margin)^2 when relative
 *
 * @param design              What is measured, how arms are split and looked at.
 * @param design.effect       The effect to find, not 0; with nonInferiority the true effect.
 * @param design.effectScale  'relative' to |control mean|, or 'absolute'.
 * @param design.power        In (alpha, 1).
 * @returns Units an arm.
 * @throws RangeError when an argument breaks its stated range, or the effect is at or beyond the
 *         margin.
 * @source Lachin (1981), Controlled Clinical Trials 2; Jennison and Turnbull (2000) for looks.
 *         Checked against R 4.2.2, rpact 3.3.4 and mpmath in test/golden/vectors/power.json.
 */
export function sampleSize(
  design: Design & PlannedEffect & { readonly power: number },
): SampleSize {
  const plan = read(design);
  requirePower(design.power, plan.alpha);
  const { contrast, variances } = planned(plan, design);
  if (!(contrast > 0)) {
    const margin = design.nonInferiority?.margin;
    throw new RangeError(
      margin === undefined
        ? 'effect = 0: there is nothing to find'
        : `effect = ${design.effect}: must be better than a loss of the margin = ${margin}`,
    );
  }
  const shares = plan.weights.map((weight) => weight / sum(plan.weights));
  const totals = shares.slice(1).map((share) => {
    const spread = variances.control / (shares[0] as number) + variances.treatment / share;
    const fixed = (fixedDrift(plan, design.power) / contrast) ** 2 * spread;
    const compared = ((shares[0] as number) + share) * plan.triggerRate;
    return { fixed, total: monitoredTotal(plan, design.power, fixed, compared) };
  });
  const { fixed, total } = totals.reduce((a, b) => (b.total > a.total ? b : a));
  const exact = shares.map((share) => share * total);
  const arms = exact.map((n) => Math.ceil(n));
  return { arms, total: sum(arms), exact, inflation: total / fixed };
}

/** Total units of one comparison's design so that its drift is what the monitoring takes. */
function monitoredTotal(plan: Plan, power: number, fixed: number, compared: number): number {
  const needed = (total: number): number =>
    (requiredDrift(plan, power, total * compared) / fixedDrift(plan, power)) ** 2 * fixed;
  if (plan.monitoring.kind !== 'always_valid' || plan.monitoring.plannedN === undefined) {
    return needed(fixed);
  }
  // The multiplier depends on the total, which depends on the multiplier.
  let enough = fixed;
  while (needed(enough) > enough) enough *= 2;
  return findFall((total) => needed(total) - total, fixed / 2, enough, 1e-12 * enough);
}

/**
 * With what power does an experiment of this size find the effect?
 *
 *   drift = effect / se,  Phi(drift - z_{a/sides}), and Phi(-drift - z) too when two-sided
 *
 * @param design              As in sampleSize.
 * @param design.effect       The true effect; 0 gives the error rate (but not for always_valid,
 *                            which looks at the planned end only).
 * @param design.effectScale  As in sampleSize.
 * @param design.units        Units assigned in all arms together, > 0; split by weights.
 * @returns Power of each comparison with control, in order; for two sides the chance of a result
 *          in the wrong direction is included.
 * @throws RangeError when an argument breaks its stated range.
 * @source As sampleSize. Checked in test/golden/vectors/power.json.
 */
export function powerOf(
  design: Design & PlannedEffect & { readonly units: number },
): readonly number[] {
  const plan = read(design);
  requirePositive('units', design.units);
  const { contrast, variances } = planned(plan, design);
  return errors(plan, variances, design.units).map(({ se, compared }) =>
    powerAt(plan, contrast / se, compared),
  );
}

export type DetectableEffect = { readonly status: 'ok'; readonly effect: number } | Undetectable;
/** Not even the largest possible effect (a rate of 0 or 1) would be found with this power. */
export type Undetectable = { readonly status: 'undetectable' };

/**
 * Which effect would an experiment of this size find with this power?
 *
 * @param design              As in sampleSize, without nonInferiority.
 * @param design.units        Units assigned in all arms together, > 0; split by weights.
 * @param design.power        In (alpha, 1).
 * @param design.effectScale  'relative' to |control mean|, or 'absolute'.
 * @param design.direction    Which way the effect goes ['increase'] | 'decrease'; matters for
 *                            proportions, whose variance depends on it.
 * @returns The smallest detectable effect, signed, of the comparison that has the fewest units; or
 *          'undetectable'.
 * @throws RangeError when an argument breaks its stated range.
 * @source As sampleSize; for proportions the quadratic in the effect. Checked in
 *         test/golden/vectors/power.json.
 */
export function detectableEffect(
  design: Omit<Design, 'nonInferiority'> & {
    readonly units: number;
    readonly power: number;
    readonly effectScale: 'relative' | 'absolute';
    readonly direction?: 'increase' | 'decrease';
  },
): DetectableEffect {
  const plan = read(design);
  requirePositive('units', design.units);
  requirePower(design.power, plan.alpha);
  const sign = design.direction === 'decrease' ? -1 : 1;
  const scale = design.effectScale === 'relative' ? baseline(plan.metric) : 1;
  const sizes = comparisons(plan, design.units).map(({ control, treatment, compared }) => {
    const drift = requiredDrift(plan, design.power, compared);
    return smallestEffect(plan, drift, sign, control, treatment);
  });
  if (sizes.some((size) => size === undefined)) return { status: 'undetectable' };
  return { status: 'ok', effect: (sign * Math.max(...(sizes as number[]))) / scale };
}

/** Size of the effect whose drift is the given one; undefined when no rate is that far. */
function smallestEffect(
  plan: Plan,
  drift: number,
  sign: number,
  nControl: number,
  nTreatment: number,
): number | undefined {
  const { metric, factor } = plan;
  if (metric.kind !== 'proportion') {
    const { control, treatment } = variancesAt(plan, 0);
    return drift * Math.sqrt(control / nControl + treatment / nTreatment);
  }
  // size^2 = drift^2 (A + k (rate + sign size) (1 - rate - sign size)), a quadratic in size.
  const { rate } = metric;
  const k = factor / nTreatment;
  const spread = (rate * (1 - rate) * factor) / nControl + k * rate * (1 - rate);
  const a = 1 + drift * drift * k;
  const b = drift * drift * k * sign * (1 - 2 * rate);
  const size = (b + Math.sqrt(b * b + 4 * a * drift * drift * spread)) / (2 * a);
  return size <= (sign > 0 ? 1 - rate : rate) ? size : undefined;
}

/**
 * Which margin could an experiment of this size rule out?
 *
 * The smallest non-inferiority margin that is met with this power when the true effect is as
 * given.
 *
 * @param design              As in sampleSize; nonInferiority without its margin.
 * @param design.units        Units assigned in all arms together, > 0; split by weights.
 * @param design.power        In (alpha, 1).
 * @param design.effect       The true effect [0].
 * @param design.effectScale  Its scale ['absolute'].
 * @returns The margin on its scale, of the comparison that has the fewest units; at most 10 when
 *          relative, else 'undetectable'.
 * @throws RangeError when an argument breaks its stated range.
 * @source As sampleSize.
 */
export function detectableMargin(
  design: Omit<Design, 'nonInferiority'> &
    Partial<PlannedEffect> & {
      readonly nonInferiority: Omit<NonNullable<Design['nonInferiority']>, 'margin'>;
      readonly units: number;
      readonly power: number;
    },
): { readonly status: 'ok'; readonly margin: number } | Undetectable {
  const { effect = 0, effectScale = 'absolute', nonInferiority } = design;
  const relative = nonInferiority.marginScale === 'relative';
  const at = (margin: number): Plan =>
    read({ ...design, nonInferiority: { ...nonInferiority, margin } });
  const plan = at(1);
  requirePositive('units', design.units);
  requirePower(design.power, plan.alpha);
  const drifts = comparisons(plan, design.units).map(({ compared }) =>
    requiredDrift(plan, design.power, compared),
  );
  const shortfall = (margin: number): number => {
    const candidate = at(margin);
    const { contrast, variances } = planned(candidate, { effect, effectScale });
    const lacking = errors(candidate, variances, design.units).map(
      ({ se }, i) => (drifts[i] as number) - contrast / se,
    );
    return Math.max(...lacking);
  };
  let enough = relative ? 10 : Math.abs(absoluteEffect(plan, { effect, effectScale })) + 1;
  for (let k = 0; !relative && k < 500 && shortfall(enough) > 0; k += 1) enough *= 4;
  if (shortfall(enough) > 0) return { status: 'undetectable' };
  let least = enough / 4;
  for (let k = 0; k < 200 && shortfall(least) <= 0; k += 1) least /= 4;
  enough = Math.min(enough, 4 * least);
  // A true gain can be so sure that no margin is too small.
  if (shortfall(least) <= 0) return { status: 'ok', margin: least };
  return { status: 'ok', margin: findFall(shortfall, least, enough, 1e-13 * enough) };
}

/**
 * How much more variable are means of clustered units than of as many independent ones?
 *
 *   1 + (sizeMean (1 + sizeCv^2) - 1) icc
 *
 * @param clusters  Sizes and the correlation within.
 * @returns The factor on the variance, >= 1.
 * @throws RangeError when an argument breaks its stated range.
 * @source Eldridge, Ashby, Kerry (2006), International Journal of Epidemiology 35.
 */
export function designEffect(clusters: Clusters): number {
  const { sizeMean, sizeCv = 0, intraclassCorrelation } = clusters;
  requireBetween('clusters.sizeMean', sizeMean, 1, 1e12);
  requireBetween('clusters.sizeCv', sizeCv, 0, 1e3);
  requireBetween('clusters.intraclassCorrelation', intraclassCorrelation, 0, 1);
  return 1 + (sizeMean * (1 + sizeCv * sizeCv) - 1) * intraclassCorrelation;
}

/** Error rate and power of each metric, so that the decision as a whole keeps its promises. */
export type DecisionRates = {
  /** Of each success metric and treatment, total over its tails. */
  readonly successAlpha: number;
  /** Of each guardrail's non-inferiority test: not divided, since all of them must pass. */
  readonly guardrailAlpha: number;
  /** Power to plan each success metric and each guardrail for. */
  readonly metricPower: number;
};

/**
 * At which error rate and power must each metric be planned, so that the ship rule holds?
 *
 * Ship when at least one success metric is superior and every guardrail non-inferior and nothing
 * deteriorated. One superior metric suffices, so alpha is divided among them; all guardrails must
 * pass, so theirs is not, but each may fail by chance: the power of all must be raised. With five
 * guardrails at 80% each, all pass together 33% of the time.
 *
 *   successAlpha = alpha / (successes treatments),  guardrailAlpha = alpha,
 *   metricPower = 1 - (1 - power - deteriorationAlpha - qualityAlpha) / (guardrails + 1)
 *
 * @param options.alpha               In (0, 1): chance of shipping what is no better.
 * @param options.power               In (0, 1): chance of shipping what is as good as planned.
 * @param options.successMetrics      >= 1.
 * @param options.guardrails          >= 0.
 * @param options.treatments          Arms beside control [1].
 * @param options.deteriorationAlpha  Total error rate of the harm alarms [0].
 * @param options.qualityAlpha        Total error rate of the quality tests [0].
 * @returns Rates for each metric.
 * @throws RangeError when an argument breaks its stated range, or the alarms alone use up all of
 *         1 - power.
 * @source Schultzberg, Ankargren, Frånberg (2024), Risk-aware product decisions in A/B tests with
 *         multiple metrics; the last two terms are a union bound of our own.
 */
export function decisionRates(options: {
  readonly alpha: number;
  readonly power: number;
  readonly successMetrics: number;
  readonly guardrails: number;
  readonly treatments?: number;
  readonly deteriorationAlpha?: number;
  readonly qualityAlpha?: number;
}): DecisionRates {
  const { alpha, power, successMetrics, guardrails, treatments = 1 } = options;
  const { deteriorationAlpha = 0, qualityAlpha = 0 } = options;
  requireProbability('alpha', alpha);
  requireProbability('power', power);
  requireWhole('successMetrics', successMetrics, 1);
  requireWhole('guardrails', guardrails, 0);
  requireWhole('treatments', treatments, 1);
  requireNonNegative('deteriorationAlpha', deteriorationAlpha);
  requireNonNegative('qualityAlpha', qualityAlpha);
  const left = 1 - power - deteriorationAlpha - qualityAlpha;
  if (!(left > 0)) {
    throw new RangeError(
      `deteriorationAlpha + qualityAlpha = ${deteriorationAlpha + qualityAlpha}: must be below 1 - power`,
    );
  }
  return {
    successAlpha: alpha / (successMetrics * treatments),
    guardrailAlpha: alpha,
    metricPower: 1 - left / (guardrails + 1),
  };
}

/**
 * By how much does a significant result exaggerate, when the power is low?
 *
 * The winner's curse: the expected size of the estimate, given significance, over the true size.
 *
 *   E[|Z| ; |Z| > z_{alpha/2}] / (P(|Z| > z_{alpha/2}) drift)  with Z ~ Normal(drift, 1)
 *
 * @param options.drift  True effect over its standard error, in (0, 1e6].
 * @param options.alpha  In (0, 1), two-sided.
 * @returns The factor, > 1: 1.02 at a power of 97%, 2.5 at 17%.
 * @throws RangeError when an argument breaks its stated range.
 * @source Gelman and Carlin (2014), Perspectives on Psychological Science 9 (type M error).
 */
export function exaggeration(options: { readonly drift: number; readonly alpha: number }): number {
  const { drift, alpha } = options;
  requireBetween('drift', drift, 1e-6, 1e6);
  requireProbability('alpha', alpha);
  const z = normalUpperQuantile(alpha / 2);
  const above = normalUpperTail(z - drift);
  const below = normalUpperTail(z + drift);
  const size = drift * (above - below) + normalDensity(z - drift) + normalDensity(z + drift);
  return size / (above + below) / drift;
}

function normalDensity(x: number): number {
  return 0.3989422804014327 * Math.exp((-x * x) / 2);
}

// --- the plan -------------------------------------------------------------------------------

/** A design with its defaults filled in and checked. */
type Plan = {
  readonly metric: PlannedMetric;
  /** Of one test. */
  readonly alpha: number;
  readonly sides: 1 | 2;
  readonly weights: readonly number[];
  /** On the variance of a unit: covariate, clusters and trigger. */
  readonly factor: number;
  readonly triggerRate: number;
  readonly monitoring: Monitoring;
  readonly nonInferiority: Design['nonInferiority'];
};

type Variances = { readonly control: number; readonly treatment: number };

function read(design: Design): Plan {
  const { weights = [1, 1], sides = 2, covariateCorrelation = 0, triggerRate = 1 } = design;
  const { monitoring = { kind: 'fixed' }, nonInferiority } = design;
  requireProbability('alpha', design.alpha);
  requireMetric(design.metric);
  if (weights.length < 2) throw new RangeError(`weights has ${weights.length} arms: at least 2`);
  weights.forEach((weight, i) => {
    requirePositive(`weights[${i}]`, weight);
  });
  const tests = design.tests ?? weights.length - 1;
  requireWhole('tests', tests, 1);
  if (!(Math.abs(covariateCorrelation) < 1)) {
    throw new RangeError(`covariateCorrelation = ${covariateCorrelation}: must be in (-1, 1)`);
  }
  if (!(triggerRate > 0 && triggerRate <= 1)) {
    throw new RangeError(`triggerRate = ${triggerRate}: must be in (0, 1]`);
  }
  if (nonInferiority !== undefined) {
    requirePositive('nonInferiority.margin', nonInferiority.margin);
    if (nonInferiority.marginScale === 'relative') {
      requireBetween('nonInferiority.margin', nonInferiority.margin, 0, 10);
    }
  }
  requireMonitoring(monitoring);
  const testSides = nonInferiority === undefined ? sides : 1;
  if (monitoring.kind === 'always_valid' && testSides === 1) {
    requireBetween('alpha', design.alpha, 0, 0.49);
  }
  const clustered = design.clusters === undefined ? 1 : designEffect(design.clusters);
  return {
    metric: design.metric,
    alpha: design.alpha / tests,
    sides: testSides,
    weights,
    factor: ((1 - covariateCorrelation * covariateCorrelation) * clustered) / triggerRate,
    triggerRate,
    monitoring,
    nonInferiority,
  };
}

function requireMetric(metric: PlannedMetric): void {
  switch (metric.kind) {
    case 'mean':
      requirePositive('metric.sd', metric.sd);
      if (metric.treatmentSd !== undefined) {
        requirePositive('metric.treatmentSd', metric.treatmentSd);
      }
      if (metric.mean !== undefined) requireFinite('metric.mean', metric.mean);
      return;
    case 'proportion':
      requireProbability('metric.rate', metric.rate);
      return;
    case 'ratio':
      requireFinite('metric.numeratorMean', metric.numeratorMean);
      requirePositive('metric.denominatorMean', metric.denominatorMean);
      requireNonNegative('metric.numeratorVariance', metric.numeratorVariance);
      requireNonNegative('metric.denominatorVariance', metric.denominatorVariance);
      requireFinite('metric.covariance', metric.covariance);
      requirePositive('variance of the ratio', ratioVariance(metric));
      return;
    case 'pilot':
      requirePositive('metric.units', metric.units);
      requireFinite('metric.estimate', metric.estimate);
      requirePositive('metric.se', metric.se);
  }
}

function requireMonitoring(monitoring: Monitoring): void {
  if (monitoring.kind === 'group_sequential') {
    requireBetween('last information', monitoring.information.at(-1) ?? 0, 1, 1);
  }
  if (monitoring.kind === 'always_valid' && monitoring.plannedN !== undefined) {
    requireBetween('plannedN', monitoring.plannedN, 1, Number.MAX_SAFE_INTEGER);
  }
}

function requirePower(power: number, alpha: number): void {
  requireProbability('power', power);
  if (power <= alpha) throw new RangeError(`power = ${power}: must be above alpha = ${alpha}`);
}

function requireWhole(name: string, value: number, least: number): void {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw new RangeError(`${name} = ${value}: must be an integer >= ${least}`);
  }
}

/** What must be told apart from 0, and how much a unit of each arm varies. */
function planned(
  plan: Plan,
  { effect, effectScale }: PlannedEffect,
): { readonly contrast: number; readonly variances: Variances } {
  requireFinite('effect', effect);
  const absolute = absoluteEffect(plan, { effect, effectScale });
  const { nonInferiority } = plan;
  const variances = variancesAt(plan, absolute);
  if (nonInferiority === undefined) {
    return { contrast: Math.abs(absolute), variances };
  }
  const good = nonInferiority.direction === 'increase' ? 1 : -1;
  const relative = nonInferiority.marginScale === 'relative';
  const scale = relative ? baseline(plan.metric) : 1;
  const contrast = good * absolute + nonInferiority.margin * scale;
  // m_t - r m_c with r = 1 - good margin sign(m_c), as nonInferiority tests it.
  const ratio = relative ? 1 - good * nonInferiority.margin * Math.sign(centre(plan.metric)) : 1;
  return {
    contrast,
    variances: { control: variances.control * ratio * ratio, treatment: variances.treatment },
  };
}

function absoluteEffect(plan: Plan, { effect, effectScale }: PlannedEffect): number {
  return effectScale === 'relative' ? effect * baseline(plan.metric) : effect;
}

/** Control's mean, signed. */
function centre(metric: PlannedMetric): number {
  switch (metric.kind) {
    case 'mean':
      if (metric.mean === undefined || metric.mean === 0) {
        throw new RangeError(
          `metric.mean = ${metric.mean}: needed, and not 0, for relative scales`,
        );
      }
      return metric.mean;
    case 'proportion':
      return metric.rate;
    case 'ratio': {
      const ratio = metric.numeratorMean / metric.denominatorMean;
      if (ratio === 0) throw new RangeError('metric.numeratorMean = 0: no relative scale');
      return ratio;
    }
    case 'pilot':
      if (metric.estimate === 0) throw new RangeError('metric.estimate = 0: no relative scale');
      return metric.estimate;
  }
}

function baseline(metric: PlannedMetric): number {
  return Math.abs(centre(metric));
}

/** Variance of a unit in each arm, with all that raises or lowers it. */
function variancesAt({ metric, factor }: Plan, effect: number): Variances {
  switch (metric.kind) {
    case 'mean': {
      const { sd, treatmentSd = sd } = metric;
      return { control: sd * sd * factor, treatment: treatmentSd * treatmentSd * factor };
    }
    case 'proportion': {
      const { rate } = metric;
      const other = rate + effect;
      requireProbability('rate + effect', other);
      return { control: rate * (1 - rate) * factor, treatment: other * (1 - other) * factor };
    }
    case 'ratio': {
      const variance = ratioVariance(metric) * factor;
      return { control: variance, treatment: variance };
    }
    case 'pilot': {
      const variance = metric.se * metric.se * metric.units * factor;
      return { control: variance, treatment: variance };
    }
  }
}

/** Variance of a unit's linearised residual (n - R d) / mean d. */
function ratioVariance(metric: PlannedMetric & { readonly kind: 'ratio' }): number {
  const { numeratorMean, denominatorMean, numeratorVariance, denominatorVariance, covariance } =
    metric;
  const ratio = numeratorMean / denominatorMean;
  const residual = numeratorVariance - 2 * ratio * covariance + ratio * ratio * denominatorVariance;
  return residual / denominatorMean / denominatorMean;
}

type Comparison = {
  readonly control: number;
  readonly treatment: number;
  /** Analysed (triggered) units of the two arms. */
  readonly compared: number;
};

/** Units of each comparison when this many are assigned in all. */
function comparisons(plan: Plan, units: number): Comparison[] {
  const share = units / sum(plan.weights);
  const control = (plan.weights[0] as number) * share;
  return plan.weights.slice(1).map((weight) => {
    const treatment = weight * share;
    return { control, treatment, compared: (control + treatment) * plan.triggerRate };
  });
}

function errors(
  plan: Plan,
  variances: Variances,
  units: number,
): { readonly se: number; readonly compared: number }[] {
  return comparisons(plan, units).map(({ control, treatment, compared }) => ({
    se: Math.sqrt(variances.control / control + variances.treatment / treatment),
    compared,
  }));
}

// --- monitoring -----------------------------------------------------------------------------

function fixedDrift({ alpha, sides }: Plan, power: number): number {
  return normalUpperQuantile(alpha / sides) + normalUpperQuantile(1 - power);
}

/** Expected statistic at the planned end that gives the power. */
function requiredDrift(plan: Plan, power: number, compared: number): number {
  const { alpha, sides, monitoring } = plan;
  switch (monitoring.kind) {
    case 'fixed':
      return fixedDrift(plan, power);
    case 'group_sequential': {
      const inflation = inflationFactor({ ...monitoring, alpha, sides, power });
      return Math.sqrt(inflation) * fixedDrift(plan, power);
    }
    case 'always_valid':
      return sequenceMultiplier(plan, compared) + normalUpperQuantile(1 - power);
  }
}

function powerAt(plan: Plan, drift: number, compared: number): number {
  const { alpha, sides, monitoring } = plan;
  switch (monitoring.kind) {
    case 'fixed':
      return beyond(normalUpperQuantile(alpha / sides), drift, sides);
    case 'group_sequential': {
      const { information } = monitoring;
      const { criticalValues } = boundaries({ ...monitoring, alpha, sides });
      const crossed = crossingProbabilities({ information, criticalValues, drift, sides });
      return Math.min(1, sum(crossed.map(({ upper, lower }) => upper + lower)));
    }
    case 'always_valid':
      return beyond(sequenceMultiplier(plan, compared), drift, sides);
  }
}

function beyond(criticalValue: number, drift: number, sides: 1 | 2): number {
  const wrong = sides === 2 ? normalUpperTail(criticalValue + drift) : 0;
  return Math.min(1, normalUpperTail(criticalValue - drift) + wrong);
}

/** Half width of the confidence sequence (width of the one-sided one) in standard errors. */
function sequenceMultiplier({ alpha, sides, monitoring }: Plan, compared: number): number {
  const plannedN = monitoring.kind === 'always_valid' ? monitoring.plannedN : undefined;
  const logAlpha = Math.log(sides === 2 ? alpha : 2 * alpha);
  const tuned = Math.log1p(-2 * logAlpha) - 2 * logAlpha;
  const k = plannedN === undefined ? tuned : (compared / plannedN) * tuned;
  return sides === 2
    ? Math.sqrt(((k + 1) / k) * (Math.log1p(k) - 2 * Math.log(alpha)))
    : Math.sqrt(((2 * (k + 1)) / k) * Math.log1p(Math.sqrt(k + 1) / (2 * alpha)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
