/**
 * One adapter a method of the vector files: a case's input in, our numbers out, under the names the
 * vectors use. An adapter holds no statistics of its own, and answers every expected field.
 */
import {
  benjaminiHochberg,
  benjaminiYekutieli,
  betaCdf,
  betaLogTails,
  betaQuantile,
  betaUpperTail,
  bonferroni,
  boundaries,
  chiSquareCdf,
  chiSquareQuantile,
  chiSquareUpperQuantile,
  chiSquareUpperTail,
  classicBoundaries,
  confidenceSequence,
  confidenceSequenceOneSided,
  equivalence,
  fCdf,
  fLogTails,
  fQuantile,
  fUpperTail,
  gammaCdf,
  gammaLogTails,
  gammaQuantile,
  gammaUpperQuantile,
  gammaUpperTail,
  hochberg,
  holm,
  inflationOf,
  logChiSquareUpperTail,
  logNormalUpperTail,
  logTUpperTail,
  mixingPrecision,
  mixtureSequentialTest,
  nonInferiority,
  normalCdf,
  normalQuantile,
  normalUpperQuantile,
  normalUpperTail,
  relative,
  relativeDelta,
  relativeLogRatio,
  type Spending,
  sampleRatioMismatch,
  sequentialSampleRatio,
  tUpperQuantile,
  tUpperTail,
  variance,
  welch,
} from '../../src/stats/index.ts';
import {
  type Adapter,
  armsOf,
  cancellation,
  type Fields,
  list,
  meanOf,
  type Tolerance,
  times,
  type VectorCase,
  welchArms,
} from './adapter.ts';
import { ESTIMATORS } from './estimators.ts';
import { PLANNING } from './planning.ts';

export const ADAPTERS: Record<string, Adapter> = {
  distributions: { answer: distributionCase, tolerance: () => ({ relative: 1e-10 }) },
  welch_t: { answer: welchCase, tolerance: cancellation },
  welch_relative: { answer: relativeCase },
  tost_noninferiority: { answer: tostCase },
  srm: { answer: srmCase, remarks: ['note'] },
  srm_sequential: {
    answer: srmSequentialCase,
    tolerance: (field) => (field.startsWith('log_e') ? { absolute: 1e-8 } : undefined),
  },
  confidence_sequence: {
    answer: confidenceSequenceCase,
    tolerance: () => ({ relative: 1e-10, absolute: 1e-13 }),
  },
  group_sequential_boundaries: { answer: groupSequentialCase, tolerance: groupSequentialTolerance },
  multiple_testing: { answer: multipleTestingCase },
  ...ESTIMATORS,
  ...PLANNING,
};

// --- methods --------------------------------------------------------------------------------

/** Each function of the vectors: the value, and its logarithm where the value may underflow. */
const DISTRIBUTIONS: Record<
  string,
  { value: (...args: number[]) => number; log?: (...args: number[]) => number }
> = {
  normal_cdf: { value: normalCdf, log: (x = NaN) => logNormalUpperTail(-x) },
  normal_sf: { value: normalUpperTail, log: logNormalUpperTail },
  normal_logsf: { value: logNormalUpperTail },
  normal_quantile: { value: normalQuantile },
  normal_isf: { value: normalUpperQuantile },
  t_sf: { value: tUpperTail, log: logTUpperTail },
  t_cdf: {
    value: (x = NaN, df = NaN) => tUpperTail(-x, df),
    log: (x = NaN, df = NaN) => logTUpperTail(-x, df),
  },
  t_quantile: { value: (p = NaN, df = NaN) => -tUpperQuantile(p, df) },
  t_isf: { value: tUpperQuantile },
  chi2_sf: { value: chiSquareUpperTail, log: logChiSquareUpperTail },
  chi2_cdf: {
    value: chiSquareCdf,
    log: (x = NaN, df = NaN) => gammaLogTails(x / 2, df / 2).logLower,
  },
  chi2_quantile: { value: chiSquareQuantile },
  chi2_isf: { value: chiSquareUpperQuantile },
  beta_cdf: {
    value: betaCdf,
    log: (x, a, b) => betaLogTails(x ?? NaN, a ?? NaN, b ?? NaN).logLower,
  },
  beta_sf: {
    value: betaUpperTail,
    log: (x, a, b) => betaLogTails(x ?? NaN, a ?? NaN, b ?? NaN).logUpper,
  },
  beta_quantile: { value: betaQuantile },
  gamma_cdf: { value: gammaCdf, log: (x = NaN, a = NaN) => gammaLogTails(x, a).logLower },
  gamma_sf: { value: gammaUpperTail, log: (x = NaN, a = NaN) => gammaLogTails(x, a).logUpper },
  gamma_quantile: { value: gammaQuantile },
  gamma_isf: { value: gammaUpperQuantile },
  f_sf: { value: fUpperTail, log: (x, d, e) => fLogTails(x ?? NaN, d ?? NaN, e ?? NaN).logUpper },
  f_cdf: { value: fCdf, log: (x, d, e) => fLogTails(x ?? NaN, d ?? NaN, e ?? NaN).logLower },
  f_quantile: { value: fQuantile },
};

function distributionCase(input: Fields): Fields {
  const { fn, ...rest } = input;
  const compute = DISTRIBUTIONS[String(fn)];
  if (compute === undefined) throw new Error(`unknown distribution function ${fn}`);
  const order = ['x', 'p', 'df', 'a', 'b', 'df1', 'df2'];
  const args = order.filter((name) => name in rest).map((name) => rest[name] as number);
  return { value: compute.value(...args), log_value: compute.log?.(...args) };
}

function welchCase(input: Fields): Fields {
  const { control, treatment, unit } = welchArms(input);
  const alpha = input.alpha as number;
  const result = welch(control, treatment, { alpha });
  const known = {
    control_mean: meanOf(input.control),
    treatment_mean: meanOf(input.treatment),
    control_variance: control.n < 2 ? null : variance(control) * unit ** 2,
    treatment_variance: treatment.n < 2 ? null : variance(treatment) * unit ** 2,
    status: result.status,
    diff: times(result.estimate, unit),
  };
  if (result.status === 'zero_variance') return { ...known, se: 0 };
  if (result.status !== 'ok') return known;
  const { t, degreesOfFreedom: df } = result;
  return {
    ...known,
    se: result.se * unit,
    t,
    df,
    p_two_sided: result.p,
    log_p_two_sided: result.logP,
    p_greater: tUpperTail(t, df),
    p_less: tUpperTail(-t, df),
    t_crit: tUpperQuantile(alpha / 2, df),
    ci_lower: result.lower * unit,
    ci_upper: result.upper * unit,
  };
}

function relativeCase(input: Fields): Fields {
  const { control, treatment, unit } = armsOf(input);
  const alpha = input.alpha as number;
  const main = relative(control, treatment, { alpha });
  const absolute = welch(control, treatment, { alpha });
  const absoluteFields = {
    abs_diff: times(absolute.estimate, unit),
    abs_p_two_sided: absolute.status === 'ok' ? absolute.p : null,
  };
  if (main.status !== 'ok' && main.status !== 'unbounded') {
    return { status: main.status, lift: main.estimate, ...absoluteFields };
  }
  const byT = relativeDelta(control, treatment, { alpha });
  const byNormal = relativeDelta(control, treatment, { alpha, quantile: 'normal' });
  const byLog = relativeLogRatio(control, treatment, { alpha });
  const bounded = main.status === 'ok' ? main : undefined;
  const delta = byT.status === 'ok' ? byT : undefined;
  const normal = byNormal.status === 'ok' ? byNormal : undefined;
  const log = byLog.status === 'ok' ? byLog : undefined;
  return {
    status: 'ok',
    lift: main.estimate,
    ...absoluteFields,
    fieller_status: bounded === undefined ? 'unbounded' : 'bounded',
    fieller_g: main.g,
    ci_fieller_lower: bounded?.lower,
    ci_fieller_upper: bounded?.upper,
    se_delta: delta?.se,
    df: delta?.degreesOfFreedom,
    t_delta: delta && delta.estimate / delta.se,
    p_delta_t: delta?.p,
    ci_delta_t_lower: delta?.lower,
    ci_delta_t_upper: delta?.upper,
    p_delta_z: normal?.p,
    ci_delta_z_lower: normal?.lower,
    ci_delta_z_upper: normal?.upper,
    log_ratio: log && Math.log1p(log.estimate),
    se_log_ratio: log?.se,
    df_log: log?.degreesOfFreedom,
    ci_log_lower: log?.lower,
    ci_log_upper: log?.upper,
  };
}

function tostCase(input: Fields): Fields {
  const { control, treatment, unit } = armsOf(input);
  const alpha = input.alpha as number;
  const isRelative = input.kind === 'relative_margin';
  const margin = isRelative ? (input.margin_rel as number) : (input.margin_abs as number) / unit;
  const one = nonInferiority(control, treatment, {
    margin,
    marginScale: isRelative ? 'relative' : 'absolute',
    direction: input.higher_is_better === false ? 'decrease' : 'increase',
    alpha,
  });
  if (one.status !== 'ok') return { status: one.status, diff: times(one.estimate, unit) };
  const oneSided = {
    contrast: one.contrast * unit,
    se: one.se * unit,
    df: one.degreesOfFreedom,
    t: one.statistic,
    p_non_inferiority: one.p,
    non_inferior: one.nonInferior,
  };
  if (isRelative) return { status: 'ok', ...oneSided };
  const both = equivalence(control, treatment, { margin, alpha });
  if (both.status !== 'ok') return { status: both.status };
  return {
    ...oneSided,
    status: 'ok',
    diff: both.estimate * unit,
    t_lower: both.tLower,
    t_upper: both.tUpper,
    p_lower: both.pLower,
    p_upper: both.pUpper,
    p_tost: both.p,
    equivalent: both.equivalent,
    ci90_lower: both.lower * unit,
    ci90_upper: both.upper * unit,
  };
}

function srmCase(input: Fields): Fields {
  const weights = list(input.weights);
  const result = sampleRatioMismatch(list(input.counts), weights);
  if (result.status !== 'ok') return { status: result.status };
  const { chiSquare, degreesOfFreedom: df } = result;
  return {
    status: 'ok',
    chi2: chiSquare,
    df,
    // The vectors state Pearson's p also where Assay prefers the exact one.
    p: result.method === 'pearson' ? result.p : chiSquareUpperTail(chiSquare, df),
    log_p: result.method === 'pearson' ? result.logP : logChiSquareUpperTail(chiSquare, df),
    expected_counts: result.expected.filter((_, i) => (weights[i] as number) > 0),
    min_expected: result.smallestExpected,
  };
}

function srmSequentialCase(input: Fields): Fields {
  const looks = (input.cumulative_counts as unknown[]).map(list);
  const concentration = input.dirichlet_concentration as number;
  let smallest = 1;
  const results = looks.map((counts) => {
    const look = sequentialSampleRatio(counts, list(input.pi0), { concentration });
    if (look.status !== 'ok') throw new Error(look.status);
    smallest = Math.min(smallest, look.p);
    return { logE: look.logE, p: smallest };
  });
  const first = results.findIndex(({ p }) => p <= (input.alpha as number));
  return {
    log_e: results.map(({ logE }) => logE),
    p_always_valid: results.map(({ p }) => p),
    rejected_at: first < 0 ? null : first + 1,
  };
}

function confidenceSequenceCase(input: Fields): Fields {
  const { diff, se, n_total, n_opt, alpha, variance_of_diff, tau2 } = input as Record<
    string,
    number
  >;
  if (input.kind === 'msprt') {
    const test = mixtureSequentialTest({
      estimate: diff as number,
      variance: variance_of_diff as number,
      mixingVariance: tau2 as number,
      alpha: alpha as number,
    });
    return { log_lambda: test.logE, p_always_valid: test.p, half_width: test.halfWidth };
  }
  const look = {
    estimate: diff as number,
    se: se as number,
    n: n_total as number,
    plannedN: n_opt as number,
    alpha: alpha as number,
  };
  const both = confidenceSequence(look);
  const one = confidenceSequenceOneSided({ ...look, side: 'lower' });
  if (both.status !== 'ok' || one.status !== 'ok') throw new Error(both.status);
  const multiplier = both.halfWidth / look.se;
  const fixed = normalUpperQuantile(look.alpha / 2);
  const rho2 = mixingPrecision(look);
  return {
    rho2,
    rho2_one_sided: mixingPrecision({ ...look, alpha: 2 * look.alpha }),
    normal_mixture_rho_howard: 1 / rho2,
    fixed_z_multiplier: fixed,
    multiplier,
    width_ratio_vs_fixed: multiplier / fixed,
    half_width: both.halfWidth,
    cs_lower: both.lower,
    cs_upper: both.upper,
    log_e_value: both.logE,
    p_always_valid: both.p,
    half_width_one_sided: one.width,
  };
}

const SPENDING: Record<string, Spending['kind']> = {
  asOF: 'obrien_fleming',
  asP: 'pocock',
  asKD: 'power',
  asHSD: 'hwang_shih_decani',
};

function groupSequentialCase(input: Fields): Fields {
  const alpha = input.alpha as number;
  const sides = input.sided as 1 | 2;
  const information = list(input.information_rates);
  const parameter = input.parameter as number | undefined;
  const kind = SPENDING[String(input.type)];
  const { criticalValues, spent } =
    kind === undefined
      ? classicBoundaries({
          alpha,
          information,
          sides,
          shape: input.type === 'P' ? 'pocock' : 'obrien_fleming',
        })
      : boundaries({
          alpha,
          information,
          sides,
          spending: parameter === undefined ? { kind } : { kind, parameter },
          final: true,
        });
  const nominal = criticalValues.map((c) => normalUpperTail(c));
  return {
    critical_values: criticalValues,
    critical_values_rpact: criticalValues,
    nominal_p_one_sided: nominal,
    nominal_p_one_sided_rpact: nominal,
    nominal_p_two_sided: nominal.map((p) => 2 * p),
    cumulative_alpha_spent: spent,
    cumulative_alpha_spent_rpact: spent,
    inflation_factor_power80_rpact: inflationOf({
      alpha,
      power: 0.8,
      information,
      criticalValues,
      sides,
    }),
  };
}

/** The high-precision recursion is the reference; rpact is a cross-check and coarser. */
function groupSequentialTolerance(field: string, { expected }: VectorCase): Tolerance {
  const only = !('critical_values' in expected);
  if (field.startsWith('inflation')) return { relative: 2e-4 };
  if (field.startsWith('critical_values_rpact')) return { absolute: only ? 1e-5 : 3e-4 };
  if (field.endsWith('_rpact')) return { relative: 1e-3, absolute: 1e-7 };
  if (field === 'critical_values') return { absolute: 1e-8 };
  return { relative: 1e-7 };
}

function multipleTestingCase(input: Fields): Fields {
  const values = [input.p].flat() as (number | null)[];
  return {
    bh: benjaminiHochberg(values),
    holm: holm(values),
    by: benjaminiYekutieli(values),
    bonferroni: bonferroni(values),
    hochberg: hochberg(values),
  };
}
