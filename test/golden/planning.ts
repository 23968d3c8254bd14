/** Adapters of the Bayesian view, of planning and of the exploration methods. */
import {
  bcaInterval,
  betaBinomial,
  correlation,
  detectableEffect,
  disattenuated,
  inflationFactor,
  jensenShannon,
  kolmogorovSmirnov,
  type NormalPrior,
  noncentralTUpperTail,
  normalPosterior,
  type PlannedMetric,
  populationStability,
  powerOf,
  rateSampleSize,
  type Spending,
  sampleSize,
  segmentEffects,
  tTestPower,
  tTestSampleSize,
} from '../../src/stats/index.ts';
import { type Adapter, type Fields, list, type Tolerance } from './adapter.ts';

export const PLANNING: Record<string, Adapter> = {
  bayes_normal: { answer: bayesNormalCase },
  bayes_beta_binomial: {
    answer: betaBinomialCase,
    // The file states 1e-9 absolute and 1e-7 relative; ours agree much closer.
    tolerance: () => ({ relative: 1e-9 }),
  },
  power: { answer: powerCase, tolerance: powerTolerance },
  noncentral_t: { answer: noncentralTCase },
  heterogeneity: { answer: heterogeneityCase, tolerance: heterogeneityTolerance },
  drift: { answer: driftCase },
  correlation: { answer: correlationCase },
};

function bayesNormalCase(input: Fields): Fields {
  const { lift, se, alpha, prior_mean: mean, prior_sd: sd } = input as Record<string, number>;
  const prior: NormalPrior = mean === null ? 'flat' : { mean: mean as number, sd: sd as number };
  const result = normalPosterior({
    estimate: lift as number,
    se: se as number,
    prior,
    alpha: alpha as number,
  });
  if (result.status !== 'ok') return { status: result.status };
  return {
    post_mean: result.mean,
    post_sd: result.sd,
    chance_to_win: result.chanceToWin,
    chance_to_lose: result.chanceToLose,
    risk_choose_treatment: result.lossOfTreatment,
    risk_choose_control: result.lossOfControl,
    ci_lower: result.lower,
    ci_upper: result.upper,
  };
}

function betaBinomialCase(input: Fields): Fields {
  const [control, treatment] = [input.control, input.treatment].map((arm) => {
    const { conversions, n } = arm as { conversions: number; n: number };
    return { successes: conversions, n };
  }) as [{ successes: number; n: number }, { successes: number; n: number }];
  const {
    control: c,
    treatment: t,
    ...choice
  } = betaBinomial(control, treatment, {
    alpha: 0.05,
    prior: { a: input.prior_alpha as number, b: input.prior_beta as number },
  });
  return {
    post_control: [c.a, c.b],
    post_treatment: [t.a, t.b],
    chance_to_beat_control: choice.chanceToWin,
    expected_loss_choose_treatment: choice.lossOfTreatment,
    expected_loss_choose_control: choice.lossOfControl,
    treatment_ci95: [t.lower, t.upper],
    control_ci95: [c.lower, c.upper],
  };
}

const SPENDING: Record<string, Spending['kind']> = { asOF: 'obrien_fleming', asP: 'pocock' };

function powerCase(input: Fields): Fields {
  switch (input.metric) {
    case 'mean':
      return meanCase(input);
    case 'proportion':
      return rateCase(input);
    case 'non_inferiority':
      return nonInferiorityCase(input);
    case 'mean_group_sequential':
      return groupSequentialCase(input);
    default:
      return adjustedCase(input);
  }
}

function meanCase(input: Fields): Fields {
  const { sd, delta, alpha, power, n_control, n_treatment } = input as Record<string, number>;
  const sides = input.sided as 1 | 2;
  const ratio = (input.allocation_ratio_t_over_c ?? 1) as number;
  const sizes = n_control === undefined ? [1, ratio] : [n_control, n_treatment as number];
  const common = { alpha: alpha as number, sides };
  const design = {
    ...common,
    metric: { kind: 'mean', sd: sd as number },
    weights: sizes,
    effectScale: 'absolute',
  } as const;
  const units = (sizes[0] as number) + (sizes[1] as number);
  if (input.solve === 'mde') {
    const result = detectableEffect({ ...design, units, power: power as number });
    return { mde_abs_z: result.status === 'ok' ? result.effect : null };
  }
  const standardizedEffect = (delta as number) / (sd as number);
  if (input.solve === 'power') {
    return {
      power_z: powerOf({ ...design, effect: delta as number, units })[0],
      power_t: tTestPower({ ...common, standardizedEffect, unitsPerArm: sizes[0] as number }),
    };
  }
  const result = sampleSize({ ...design, effect: delta as number, power: power as number });
  return {
    n_control_z: result.exact[0],
    n_treatment_z: result.exact[1],
    n_per_arm_t: tTestSampleSize({ ...common, standardizedEffect, power: power as number }),
  };
}

function rateCase(input: Fields): Fields {
  const { control_rate, treatment_rate, alpha, power } = input as Record<string, number>;
  const sides = input.sided as 1 | 2;
  const common = { alpha: alpha as number, power: power as number, sides };
  const [rate, other] = [control_rate as number, treatment_rate as number];
  const rates = { ...common, controlRate: rate, treatmentRate: other };
  return {
    n_per_arm_unpooled: sampleSize({
      ...common,
      metric: { kind: 'proportion', rate },
      effect: other - rate,
      effectScale: 'absolute',
    }).exact[0],
    n_per_arm_pooled_null: rateSampleSize({ ...rates, test: 'pooled' }),
    n_per_arm_arcsine: rateSampleSize({ ...rates, test: 'arcsine' }),
  };
}

function nonInferiorityCase(input: Fields): Fields {
  const { sd, margin, true_diff, alpha_one_sided, power } = input as Record<string, number>;
  const result = sampleSize({
    metric: { kind: 'mean', sd: sd as number },
    alpha: alpha_one_sided as number,
    power: power as number,
    effect: true_diff as number,
    effectScale: 'absolute',
    nonInferiority: {
      margin: margin as number,
      marginScale: 'absolute',
      direction: 'increase',
    },
  });
  return { n_per_arm_z: result.exact[0] };
}

function groupSequentialCase(input: Fields): Fields {
  const { sd, delta, alpha, power } = input as Record<string, number>;
  const plan = {
    alpha: alpha as number,
    power: power as number,
    information: list(input.information_rates),
    spending: { kind: SPENDING[String(input.type)] as Spending['kind'] },
  };
  const design = {
    metric: { kind: 'mean', sd: sd as number },
    alpha: plan.alpha,
    power: plan.power,
    effect: delta as number,
    effectScale: 'absolute',
  } as const;
  const fixed = sampleSize(design).exact[0] as number;
  const monitored = sampleSize({ ...design, monitoring: { kind: 'group_sequential', ...plan } });
  // verify.py counts a crossing in the wrong direction as power; rpact, like Assay, does not.
  const either = inflationFactor({ ...plan, counting: 'either' });
  return {
    inflation_factor: either,
    inflation_factor_rpact: monitored.inflation,
    n_per_arm_fixed: fixed,
    n_per_arm_max: monitored.exact[0],
    n_per_arm_max_exact: fixed * either,
  };
}

function adjustedCase(input: Fields): Fields {
  const common = { alpha: input.alpha as number, power: input.power as number };
  if (input.metric === 'mean_cuped') {
    const { sd, rho, delta } = input as Record<string, number>;
    const design = {
      ...common,
      metric: { kind: 'mean', sd: sd as number },
      effect: delta as number,
      effectScale: 'absolute',
    } as const;
    const plain = sampleSize(design).exact[0] as number;
    const n = sampleSize({ ...design, covariateCorrelation: rho as number }).exact[0] as number;
    return { n_per_arm_z: n, variance_factor: n / plain };
  }
  const baseline = input.baseline as Record<string, number>;
  const metric: PlannedMetric = {
    kind: 'ratio',
    numeratorMean: baseline.mean_num as number,
    denominatorMean: baseline.mean_den as number,
    numeratorVariance: baseline.var_num as number,
    denominatorVariance: baseline.var_den as number,
    covariance: baseline.cov as number,
  };
  const ratio = metric.numeratorMean / metric.denominatorMean;
  const effect = input.relative_mde as number;
  const n = sampleSize({ ...common, metric, effect, effectScale: 'relative' }).exact[0] as number;
  // The variance that this many units stand for.
  const { exact } = sampleSize({
    ...common,
    metric: { kind: 'mean', sd: 1 },
    effect: effect * ratio,
    effectScale: 'absolute',
  });
  return { baseline_ratio: ratio, per_user_variance: n / (exact[0] as number), n_per_arm_z: n };
}

function powerTolerance(field: string): Tolerance | undefined {
  if (field.endsWith('_rpact') || field === 'n_per_arm_max') return { relative: 1e-6 };
  // Iterated in R with a coarse tolerance.
  if (field.endsWith('_t') || field === 'n_per_arm_arcsine') return { relative: 1e-6 };
  return undefined;
}

function noncentralTCase(input: Fields): Fields {
  const { x, df, noncentrality } = input as Record<string, number>;
  return { value: noncentralTUpperTail(x as number, df as number, noncentrality as number) };
}

function heterogeneityCase(input: Fields): Fields {
  const estimates = list(input.estimates);
  const ses = list(input.ses);
  const effects = estimates.map((estimate, i) => ({ estimate, se: ses[i] as number }));
  const dl = segmentEffects(effects, { alpha: 0.05, method: 'dersimonian_laird' });
  const pm = segmentEffects(effects, { alpha: 0.05 });
  if (dl.status !== 'ok' || pm.status !== 'ok') return { status: dl.status };
  return {
    q: pm.q,
    df: pm.degreesOfFreedom,
    p: pm.p,
    log_p: pm.logP,
    i_squared: pm.iSquared,
    tau2_dl: dl.tauSquared,
    mean_dl: dl.mean,
    mean_se_dl: dl.meanSe,
    shrunk_dl: dl.segments.map(({ shrunk }) => shrunk),
    tau2_pm: pm.tauSquared,
    mean_pm: pm.mean,
    mean_se_pm: pm.meanSe,
    shrunk_pm: pm.segments.map(({ shrunk }) => shrunk),
  };
}

/** Equal effects have a Q of rounding errors: compared on the scale of the squares it sums. */
function heterogeneityTolerance(field: string): Tolerance {
  return field === 'q' ? { relative: 1e-9, absolute: 1e-25 } : { relative: 1e-9 };
}

function driftCase(input: Fields): Fields {
  const alpha = input.alpha as number;
  if (input.kind === 'values') {
    const result = kolmogorovSmirnov(list(input.x), list(input.y), { alpha });
    if (result.status !== 'ok') return { status: result.status };
    const { distance, p, logP, method } = result;
    return { distance, p, log_p: logP, method };
  }
  const psi = populationStability(list(input.reference), list(input.current), { alpha });
  const jsd = jensenShannon(list(input.reference), list(input.current), { alpha });
  if (psi.status !== 'ok' || jsd.status !== 'ok') return { status: psi.status };
  return {
    psi: psi.distance,
    psi_expected: psi.expected,
    psi_band: psi.band,
    psi_log_p: psi.logP,
    jsd: jsd.distance,
    jsd_band: jsd.band,
    jsd_log_p: jsd.logP,
    df: psi.degreesOfFreedom,
  };
}

function correlationCase(input: Fields): Fields {
  const alpha = input.alpha as number;
  if (input.kind === 'bca') {
    const result = bcaInterval({
      estimate: input.estimate as number,
      replicates: list(input.replicates),
      jackknife: list(input.jackknife),
      alpha,
    });
    if (result.status !== 'ok') return { status: result.status };
    return { bca_lower: result.lower, bca_upper: result.upper };
  }
  const [x, y] = [list(input.x), list(input.y)];
  const pearson = correlation(x, y, { alpha });
  const spearman = correlation(x, y, { alpha, method: 'spearman' });
  if (pearson.status !== 'ok' || spearman.status !== 'ok') return { status: pearson.status };
  if (input.kind === 'attenuated') {
    const result = disattenuated(pearson, y, list(input.ses));
    return {
      status: result.status,
      reliability: result.reliability,
      corrected: result.status === 'ok' ? result.estimate : null,
    };
  }
  return {
    pearson: pearson.estimate,
    pearson_lower: pearson.lower,
    pearson_upper: pearson.upper,
    pearson_p: pearson.p,
    spearman: spearman.estimate,
    spearman_lower: spearman.lower,
    spearman_upper: spearman.upper,
    spearman_p: spearman.p,
  };
}
