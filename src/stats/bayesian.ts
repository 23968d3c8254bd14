/**
 * The Bayesian view: what to believe about the effect after the data, and what either choice may
 * cost. A reading aid beside the tests. Looked at again and again, these numbers do not control
 * false alarms.
 */
import {
  requireBetween,
  requireFinite,
  requirePositive,
  requireProbability,
  requireSize,
} from './checks.ts';
import {
  betaQuantile,
  betaUpperQuantile,
  logNormalUpperTail,
  normalUpperQuantile,
  normalUpperTail,
} from './distributions.ts';
import type { NoEstimate } from './estimate.ts';
import type { Moments } from './moments.ts';
import { type Proportion, requireProportion } from './proportion.ts';
import { logIntegral } from './quadrature.ts';
import { type NoLift, relativeDelta } from './relative.ts';
import { logBetaPrefix, logBetaTails } from './special.ts';

/** What is believed before the data: a normal distribution of the effect, or nothing ('flat'). */
export type NormalPrior = { readonly mean: number; readonly sd: number } | 'flat';

/** Relative lifts beyond 60% are rare: proper, weak, centred on no effect. */
export const LIFT_PRIOR: NormalPrior = { mean: 0, sd: 0.3 };

/** What the choice between two arms may gain and lose. */
export type Choice = {
  /** P(treatment is better). */
  readonly chanceToWin: number;
  /** P(control is better): not by subtraction, so it keeps its digits near 0. */
  readonly chanceToLose: number;
  /** Expected loss of choosing treatment, E[max(-effect, 0)]; 0 only when it underflows. */
  readonly lossOfTreatment: number;
  readonly logLossOfTreatment: number;
  /** Expected loss of choosing control, E[max(effect, 0)]; 0 only when it underflows. */
  readonly lossOfControl: number;
  readonly logLossOfControl: number;
};

export type NormalPosterior = Choice & {
  readonly status: 'ok';
  readonly mean: number;
  readonly sd: number;
  /** Credible interval of probability 1 - alpha, equal tails. */
  readonly lower: number;
  readonly upper: number;
};

/**
 * What is to be believed of an effect that was estimated with a normal error?
 *
 * Normal prior, normal likelihood. A proper prior pulls a noisy estimate towards its mean; 'flat'
 * leaves it where it is.
 *
 *   1 / s^2 = 1 / se^2 + 1 / tau^2,  m = s^2 (estimate / se^2 + mu / tau^2),  h = m / s,
 *   chanceToWin = Phi(h),  lossOfTreatment = s phi(h) (1 - h (1 - Phi(h)) / phi(h))
 *
 * @param options.estimate   Treatment - control, or the lift; at most 1e150 in size.
 * @param options.se         Its standard error, in [0, 1e150].
 * @param options.prior      On the estimate's scale; its sd > 0 (at most 1e150).
 * @param options.alpha      In (0, 1): the credible interval has probability 1 - alpha.
 * @param options.direction  Which way is good ['increase'] | 'decrease'.
 * @returns The posterior and what either choice may cost, in the estimate's unit; or NoEstimate
 *          'zero_variance' (se is 0).
 * @throws RangeError when an argument breaks its stated range.
 * @source Gelman et al. (2013), Bayesian Data Analysis, 2.5; the loss in Mills' form, which does
 *         not cancel. Checked against R 4.2.2 and mpmath in test/golden/vectors/bayes_normal.json.
 */
export function normalPosterior(options: {
  readonly estimate: number;
  readonly se: number;
  readonly prior: NormalPrior;
  readonly alpha: number;
  readonly direction?: 'increase' | 'decrease';
}): NormalPosterior | NoEstimate<'zero_variance'> {
  const { estimate, se, prior, alpha, direction = 'increase' } = options;
  requireSize('estimate', estimate);
  requireBetween('se', se, 0, 1e150);
  requireProbability('alpha', alpha);
  requirePrior(prior);
  if (se === 0) return { status: 'zero_variance', estimate };

  const { mean, sd } = update(estimate, se, prior);
  if (sd === 0 || Math.abs(mean) > 1e150 * sd) return { status: 'zero_variance', estimate };
  const good = direction === 'increase' ? 1 : -1;
  const h = (good * mean) / sd;
  const logLossOfTreatment = logNormalLoss(h) + Math.log(sd);
  const logLossOfControl = logNormalLoss(-h) + Math.log(sd);
  const reach = normalUpperQuantile(alpha / 2) * sd;
  return {
    status: 'ok',
    mean,
    sd,
    lower: mean - reach,
    upper: mean + reach,
    chanceToWin: normalUpperTail(-h),
    chanceToLose: normalUpperTail(h),
    lossOfTreatment: Math.exp(logLossOfTreatment),
    logLossOfTreatment,
    lossOfControl: Math.exp(logLossOfControl),
    logLossOfControl,
  };
}

/**
 * What is to be believed of the relative lift, given a weak opinion that lifts are small?
 *
 *   normalPosterior of the lift with its delta-method error
 *
 * @param control            Moments of the control arm.
 * @param treatment          Moments of the treatment arm; same unit as control.
 * @param options.alpha      In (0, 1): the credible interval has probability 1 - alpha.
 * @param options.prior      Of the relative lift [LIFT_PRIOR].
 * @param options.direction  Which way is good ['increase'] | 'decrease'.
 * @returns The posterior of the lift as a proportion; or NoEstimate as `relative`.
 * @throws RangeError when an argument breaks its stated range.
 * @source As normalPosterior and relativeDelta.
 */
export function liftPosterior(
  control: Moments,
  treatment: Moments,
  options: {
    readonly alpha: number;
    readonly prior?: NormalPrior;
    readonly direction?: 'increase' | 'decrease';
  },
): NormalPosterior | NoLift {
  const { prior = LIFT_PRIOR } = options;
  requirePrior(prior);
  const lift = relativeDelta(control, treatment, { alpha: options.alpha, quantile: 'normal' });
  if (lift.status !== 'ok') return lift;
  const { estimate, se } = lift;
  if (Math.abs(estimate) > 1e150 || se > 1e150) return { status: 'zero_baseline' };
  return normalPosterior({ ...options, prior, estimate, se });
}

/** A prior of the relative lift, on the scale of the absolute effect. */
export function absolutePrior(prior: NormalPrior, controlMean: number): NormalPrior {
  requirePrior(prior);
  requireFinite('controlMean', controlMean);
  if (prior === 'flat') return prior;
  const size = Math.abs(controlMean);
  requirePositive('|controlMean|', size);
  return { mean: prior.mean * size, sd: prior.sd * size };
}

function requirePrior(prior: NormalPrior): void {
  if (prior === 'flat') return;
  requireSize('prior.mean', prior.mean);
  requirePositive('prior.sd', prior.sd);
  requireSize('prior.sd', prior.sd);
}

/** Posterior mean and sd; se and the prior's sd enter as the two legs of a triangle. */
function update(estimate: number, se: number, prior: NormalPrior): { mean: number; sd: number } {
  if (prior === 'flat') return { mean: estimate, sd: se };
  const both = Math.hypot(se, prior.sd);
  const data = (prior.sd / both) ** 2;
  const before = (se / both) ** 2;
  return { mean: estimate * data + prior.mean * before, sd: se * (prior.sd / both) };
}

/** log E[max(-X, 0)] of X ~ Normal(h, 1): log(phi(h) - h (1 - Phi(h))), at any h. */
function logNormalLoss(h: number): number {
  const logDensity = -0.9189385332046728 - (h * h) / 2;
  if (h < 1) return Math.log(Math.exp(logDensity) - h * normalUpperTail(h));
  if (h < 30) return logDensity + Math.log1p(-h * Math.exp(logNormalUpperTail(h) - logDensity));
  // 1 - h M(h) = 1/h^2 - 3/h^4 + 15/h^6 - ..., with M Mills' ratio.
  let term = 1 / h / h;
  let sum = 0;
  for (let k = 3; k < 25; k += 2) {
    sum += term;
    term *= -k / h / h;
  }
  return logDensity + Math.log(sum);
}

// --- beta-binomial --------------------------------------------------------------------------

/** What is believed of a conversion rate: a beta distribution. */
export type BetaBelief = { readonly a: number; readonly b: number };

export type RatePosterior = BetaBelief & {
  readonly mean: number;
  /** Credible interval of probability 1 - alpha, equal tails. */
  readonly lower: number;
  readonly upper: number;
};

export type BetaBinomialPosterior = Choice & {
  readonly status: 'ok';
  readonly control: RatePosterior;
  readonly treatment: RatePosterior;
};

/**
 * What is to be believed of two conversion rates?
 *
 * Exact at any counts: small samples, rates near 0, and arms so far apart that the chance of error
 * underflows. No variance reduction; for teaching and small counts.
 *
 *   rate ~ Beta(a + successes, b + n - successes),
 *   chanceToLose = int f_T(u) (1 - F_C(u)) du,  lossOfTreatment = int F_T(u) (1 - F_C(u)) du,
 *   lossOfControl - lossOfTreatment = E[T] - E[C]
 *
 * @param control            Counts of the control arm; n = 0 is fine: then only the prior speaks.
 * @param treatment          Counts of the treatment arm.
 * @param options.alpha      In (0, 1): credible intervals have probability 1 - alpha.
 * @param options.prior      a and b in [0.1, 1e9] [1, 1: all rates equally likely].
 * @param options.direction  Which way is good ['increase'] | 'decrease'.
 * @returns Both posteriors, and what either choice may cost, as a rate.
 * @throws RangeError when an argument breaks its stated range.
 * @source Gelman et al. (2013), Bayesian Data Analysis, 2.1; quadrature on the logit scale, where
 *         every integrand is log-concave. Checked against R 4.2.2 and mpmath in
 *         test/golden/vectors/bayes_beta_binomial.json.
 */
export function betaBinomial(
  control: Proportion,
  treatment: Proportion,
  options: {
    readonly alpha: number;
    readonly prior?: BetaBelief;
    readonly direction?: 'increase' | 'decrease';
  },
): BetaBinomialPosterior {
  const { alpha, prior = { a: 1, b: 1 }, direction = 'increase' } = options;
  requireProbability('alpha', alpha);
  requireBetween('prior.a', prior.a, 0.1, 1e9);
  requireBetween('prior.b', prior.b, 0.1, 1e9);
  const c = posterior('control', control, prior);
  const t = posterior('treatment', treatment, prior);
  const [higher, lower] = direction === 'increase' ? [t, c] : [c, t];
  const { chance, chanceOfOther, loss, lossOfOther } = contest(higher, lower);
  return {
    status: 'ok',
    control: describe(c, alpha),
    treatment: describe(t, alpha),
    chanceToWin: Math.exp(chance),
    chanceToLose: Math.exp(chanceOfOther),
    lossOfTreatment: Math.exp(loss),
    logLossOfTreatment: loss,
    lossOfControl: Math.exp(lossOfOther),
    logLossOfControl: lossOfOther,
  };
}

function posterior(name: string, arm: Proportion, prior: BetaBelief): BetaBelief {
  if (arm.n === 0 && arm.successes === 0) return prior;
  requireProportion(name, arm);
  return { a: prior.a + arm.successes, b: prior.b + (arm.n - arm.successes) };
}

function describe(belief: BetaBelief, alpha: number): RatePosterior {
  const { a, b } = belief;
  return {
    ...belief,
    mean: a / (a + b),
    lower: betaQuantile(alpha / 2, a, b),
    upper: betaUpperQuantile(alpha / 2, a, b),
  };
}

/** Logarithms: chance that x > y and that y > x; expected loss of choosing x and of choosing y. */
type Contest = {
  readonly chance: number;
  readonly chanceOfOther: number;
  readonly loss: number;
  readonly lossOfOther: number;
};

/** The smaller chance and the smaller loss are integrals; the larger ones follow by addition. */
function contest(x: BetaBelief, y: BetaBelief): Contest {
  const lead = x.a / (x.a + x.b) - y.a / (y.a + y.b);
  if (lead < 0) {
    const { chance, chanceOfOther, loss, lossOfOther } = contest(y, x);
    return {
      chance: chanceOfOther,
      chanceOfOther: chance,
      loss: lossOfOther,
      lossOfOther: loss,
    };
  }
  const chanceOfOther = Math.min(0, logChanceBelow(x, y));
  const loss = logLoss(x, y);
  return {
    chance: Math.log1p(-Math.exp(chanceOfOther)),
    chanceOfOther,
    loss,
    lossOfOther: Math.log(Math.exp(loss) + lead),
  };
}

/** log P(x < y) = log int f_x (1 - F_y), over theta = log(u / (1 - u)). */
function logChanceBelow(x: BetaBelief, y: BetaBelief): number {
  return integrateBetween(
    x,
    y,
    (u, rest) => logBetaPrefix(x.a, x.b, u, rest) + logBetaTails(y.a, y.b, u, rest).logUpper,
  );
}

/** log E[max(y - x, 0)] = log int F_x (1 - F_y) du. */
function logLoss(x: BetaBelief, y: BetaBelief): number {
  return integrateBetween(
    x,
    y,
    (u, rest) =>
      logBetaTails(x.a, x.b, u, rest).logLower +
      logBetaTails(y.a, y.b, u, rest).logUpper +
      Math.log(u) +
      Math.log(rest),
  );
}

function integrateBetween(
  x: BetaBelief,
  y: BetaBelief,
  log: (u: number, rest: number) => number,
): number {
  const logit = ({ a, b }: BetaBelief): number => Math.log(a / b);
  const spread = ({ a, b }: BetaBelief): number => Math.sqrt(1 / a + 1 / b);
  return logIntegral(
    (theta) => log(1 / (1 + Math.exp(-theta)), 1 / (1 + Math.exp(theta))),
    (logit(x) + logit(y)) / 2,
    Math.min(spread(x), spread(y)),
  );
}
