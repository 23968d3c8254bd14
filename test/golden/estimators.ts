/** Adapters of the estimators: rates, ratios, quantiles, adjustments, clusters, dilution. */
import {
  type AdjustOptions,
  adjust,
  type ClusterKind,
  type CoMoments,
  clusterMoments,
  clusterRobust,
  coMomentsOf,
  compareQuantiles,
  correlationOf,
  cuped,
  dilute,
  fillMissing,
  fisherExact,
  type Moments,
  mergeCoMoments,
  momentsAt,
  newcombe,
  normalUpperQuantile,
  normalUpperTail,
  type Proportion,
  pooledTest,
  type QuantileArm,
  quantileArm,
  rateLift,
  ratio,
  ratioMoments,
  ratioMomentsOf,
  regressionEffect,
  relativeDelta,
  tUpperQuantile,
  tUpperTail,
  variance,
  waldTest,
  welch,
  wilson,
  winsorized,
} from '../../src/stats/index.ts';
import {
  type Adapter,
  cancellation,
  type Fields,
  list,
  momentsOfArm,
  type Tolerance,
  type VectorCase,
} from './adapter.ts';

export const ESTIMATORS: Record<string, Adapter> = {
  two_proportion: {
    answer: proportionCase,
    tolerance: (field) =>
      field === 'p_fisher' ? { relative: 1e-7 } : { relative: 1e-9, absolute: 1e-15 },
  },
  ratio_delta: { answer: ratioCase, tolerance: cancellation },
  cuped: {
    answer: cupedCase,
    remarks: ['drop_missing_is_wrong'],
    tolerance: cupedTolerance,
  },
  quantile: { answer: quantileCase },
  winsorized: { answer: winsorizedCase },
  triggered_dilution: {
    answer: dilutionCase,
    remarks: ['naive_lift_times_share'],
    tolerance: () => ({ relative: 1e-12 }),
  },
  cluster_robust: {
    answer: clusterCase,
    tolerance: clusterTolerance,
  },
};

function proportionCase(input: Fields): Fields {
  const [control, treatment] = [input.control, input.treatment].map((arm) => {
    const { conversions, n } = arm as { conversions: number; n: number };
    return { successes: conversions, n };
  }) as [Proportion, Proportion];
  const options = { alpha: input.alpha as number };
  const pooled = pooledTest(control, treatment);
  const difference = newcombe(control, treatment, options);
  const c = wilson(control, options);
  const t = wilson(treatment, options);
  const test = pooled.status === 'ok' ? pooled : undefined;
  const wald = waldTest(control, treatment, options);
  const lift = rateLift(control, treatment, options);
  return {
    control_rate: control.successes / control.n,
    treatment_rate: treatment.successes / treatment.n,
    status: pooled.status,
    diff: pooled.estimate,
    z_pooled: test?.z,
    p_pooled: test?.p,
    log_p_pooled: test?.logP,
    se_pooled: test?.sePooled ?? 0,
    se_unpooled: wald.status === 'ok' ? wald.se : 0,
    ...(wald.status === 'ok' && {
      z_unpooled: wald.z,
      p_unpooled: wald.p,
      ci_wald_lower: wald.lower,
      ci_wald_upper: wald.upper,
    }),
    ci_newcombe_lower: difference.lower,
    ci_newcombe_upper: difference.upper,
    wilson_control: [c.lower, c.upper],
    wilson_treatment: [t.lower, t.upper],
    p_fisher: fisherExact(control, treatment).p,
    ...(lift.status === 'ok' && {
      lift: lift.estimate,
      se_lift_delta: lift.se,
      se_log_rr: lift.seLog,
      ci_katz_lift_lower: lift.lower,
      ci_katz_lift_upper: lift.upper,
    }),
  };
}

// --- ratios ---------------------------------------------------------------------------------

type RatioArm = { readonly moments: Moments | { readonly status: string }; readonly n: number };

function ratioArm(arm: unknown): RatioArm {
  const input = arm as Fields;
  if ('numerator' in input) {
    const numerators = list(input.numerator);
    return {
      moments: ratioMomentsOf(numerators, list(input.denominator)),
      n: numerators.length,
    };
  }
  const { n, mean_num, mean_den, var_num, var_den, cov } = input as Record<string, number>;
  const k = (n as number) - 1;
  const cross = [
    [(var_num as number) * k, (cov as number) * k],
    [(cov as number) * k, (var_den as number) * k],
  ];
  const means = [mean_num as number, mean_den as number];
  return { moments: ratioMoments({ n: n as number, means, cross }), n: n as number };
}

function ratioCase(input: Fields): Fields {
  const alpha = input.alpha as number;
  const [control, treatment] = [ratioArm(input.control), ratioArm(input.treatment)];
  if (control.n < 2 || treatment.n < 2) return { status: 'insufficient_data' };
  const [c, t] = [control.moments, treatment.moments];
  if ('status' in c) return c;
  if ('status' in t) return t;
  const result = welch(c, t, { alpha });
  const known = {
    status: result.status,
    control_ratio: c.mean,
    treatment_ratio: t.mean,
    control_var: variance(c),
    treatment_var: variance(t),
    diff: result.estimate,
  };
  if (result.status !== 'ok') return known;
  const { estimate, se, t: statistic } = result;
  const reach = normalUpperQuantile(alpha / 2) * se;
  const lift = relativeDelta(c, t, { alpha });
  return {
    ...known,
    se,
    z: statistic,
    p_z: 2 * normalUpperTail(Math.abs(statistic)),
    df: result.degreesOfFreedom,
    p_t: result.p,
    ci_z_lower: estimate - reach,
    ci_z_upper: estimate + reach,
    ci_t_lower: result.lower,
    ci_t_upper: result.upper,
    ...(lift.status === 'ok' && {
      lift: lift.estimate,
      se_lift_delta: lift.se,
      ci_lift_t_lower: lift.lower,
      ci_lift_t_upper: lift.upper,
    }),
  };
}

// --- adjustment -----------------------------------------------------------------------------

type Pair = { readonly y: number[]; readonly x: number[] };

function cupedCase(input: Fields): Fields {
  const alpha = input.alpha as number;
  const [control, treatment] = [input.control, input.treatment] as [Fields, Fields];
  if ('numerator' in control) return cupedRatioCase(control, treatment, alpha);
  const ys = [list(control.y), list(treatment.y)] as const;
  const xs = [control.x, treatment.x].map((x) => [x].flat() as (number | null)[]);
  const filledWith = (rule: 'zero' | 'mean'): [Pair, Pair] => {
    const { values } = fillMissing(xs, rule);
    return [0, 1].map((i) => ({ y: ys[i] as number[], x: values[i] as number[] })) as [Pair, Pair];
  };
  if (!xs.flat().includes(null)) return adjustedFields(...filledWith('zero'), alpha);
  return {
    impute_zero: adjustedFields(...filledWith('zero'), alpha),
    impute_mean: adjustedFields(...filledWith('mean'), alpha),
    ancova_mean_plus_indicator: ancovaFields(ys, fillMissing(xs, 'mean'), alpha),
  };
}

function adjustedFields(control: Pair, treatment: Pair, alpha: number): Fields {
  const [c, t] = [control, treatment].map(({ y, x }) => coMomentsOf([y, x])) as [
    CoMoments,
    CoMoments,
  ];
  const within = adjustedBy(c, t, { alpha, slopes: 'within' });
  const plain = welchFields(momentsAt(c, 0), momentsAt(t, 0), alpha);
  if (within.slopes === 'none') {
    return { status: 'no_covariate_variance_fallback_unadjusted', unadjusted: plain };
  }
  const all = mergeCoMoments(c, t);
  return {
    status: 'ok',
    correlation_pooled: correlationOf(all, 0, 1),
    x_balance_diff: momentsAt(t, 1).mean - momentsAt(c, 1).mean,
    unadjusted: plain,
    theta_total: adjustedBy(c, t, { alpha, slopes: 'total' }),
    theta_within: within,
    lin: linFields(control, treatment, alpha),
  };
}

function adjustedBy(
  c: CoMoments,
  t: CoMoments,
  options: AdjustOptions & { readonly alpha: number },
): Fields {
  const result = cuped(c, t, options);
  if (result.status !== 'ok') return { status: result.status };
  const { control, treatment, slopes } = result;
  const [meanC, meanT] = [control.moments.mean, treatment.moments.mean];
  return {
    slopes,
    theta: control.thetas[0],
    adjusted_control_mean: meanC,
    adjusted_treatment_mean: meanT,
    adjusted_control_ratio: meanC,
    adjusted_treatment_ratio: meanT,
    ...welchFields(control.moments, treatment.moments, options.alpha),
  };
}

function linFields(control: Pair, treatment: Pair, alpha: number): Fields {
  const [c, t] = [control, treatment].map(({ y, x }) => coMomentsOf([y, x])) as [
    CoMoments,
    CoMoments,
  ];
  const own = adjust([c, t], { slopes: 'own' });
  if (own.status !== 'ok') return { status: own.status };
  const rows = {
    outcome: [...control.y, ...treatment.y],
    treated: [...control.y.map(() => false), ...treatment.y.map(() => true)],
    covariates: [[...control.x, ...treatment.x]],
  };
  const by = (kind: 'hc0' | 'hc2' | 'hc3') =>
    regressionEffect(rows, { alpha, errors: { kind }, slopes: 'own' });
  const errors = [by('hc0'), by('hc2'), by('hc3')].map((result) =>
    result.status === 'ok' ? result.se : null,
  );
  return {
    theta_control: own.arms[0]?.thetas[0],
    theta_treatment: own.arms[1]?.thetas[0],
    diff: by('hc2').estimate,
    se_hc0: errors[0],
    se_hc2: errors[1],
    se_hc3: errors[2],
  };
}

function ancovaFields(
  ys: readonly [number[], number[]],
  { values, missing }: ReturnType<typeof fillMissing>,
  alpha: number,
): Fields {
  const columns = [0, 1].map((i) =>
    coMomentsOf([ys[i] as number[], values[i] as number[], missing[i] as number[]]),
  ) as [CoMoments, CoMoments];
  const adjustment = adjust(columns, { slopes: 'within' });
  const effect = regressionEffect(
    {
      outcome: ys.flat(),
      treated: ys.flatMap((arm, i) => arm.map(() => i === 1)),
      covariates: [values.flat(), missing.flat()],
    },
    { alpha, errors: { kind: 'hc2' } },
  );
  if (adjustment.status !== 'ok' || effect.status !== 'ok') return { status: effect.status };
  const [thetaX, thetaMissing] = adjustment.arms[0]?.thetas ?? [];
  return {
    diff: effect.estimate,
    se_hc2: effect.se,
    theta_x: thetaX,
    theta_missing: thetaMissing,
  };
}

function cupedRatioCase(control: Fields, treatment: Fields, alpha: number): Fields {
  const [c, t] = [control, treatment].map((arm) =>
    coMomentsOf(
      ['numerator', 'denominator', 'pre_numerator', 'pre_denominator'].map((name) =>
        list(arm[name]),
      ),
    ),
  ) as [CoMoments, CoMoments];
  const variables = [
    { numerator: 0, denominator: 1 },
    { numerator: 2, denominator: 3 },
  ];
  return {
    theta_pooled_units: adjustedBy(c, t, { alpha, variables, slopes: 'total' }),
    theta_arm_averaged: adjustedBy(c, t, { alpha, variables, slopes: 'averaged' }),
  };
}

/** Values near 1e7 with a spread near 1: the means of doubles do not hold the exact digits. */
function cupedTolerance(_field: string, { tags }: VectorCase): Tolerance {
  return { relative: tags.includes('cancellation') ? 1e-6 : 1e-8 };
}

function welchFields(control: Moments, treatment: Moments, alpha: number): Fields {
  const result = welch(control, treatment, { alpha });
  if (result.status !== 'ok') {
    return {
      status: result.status,
      diff: result.estimate,
      se: result.status === 'zero_variance' ? 0 : null,
    };
  }
  const { t, degreesOfFreedom: df } = result;
  return {
    status: 'ok',
    diff: result.estimate,
    se: result.se,
    t,
    df,
    p_two_sided: result.p,
    log_p_two_sided: result.logP,
    p_greater: tUpperTail(t, df),
    p_less: tUpperTail(-t, df),
    t_crit: tUpperQuantile(alpha / 2, df),
    ci_lower: result.lower,
    ci_upper: result.upper,
  };
}

// --- clusters -------------------------------------------------------------------------------

function clusterCase(input: Fields): Fields {
  const outcome = list(input.y);
  const treated = list(input.treatment).map((arm) => arm === 1);
  const alpha = (input.alpha as number | undefined) ?? 0.05;
  const rows = { outcome, treated };
  if (input.kind === 'newey_west') {
    const by = (adjusted: boolean) =>
      regressionEffect(rows, {
        alpha,
        errors: { kind: 'newey_west', lag: input.lag as number, adjusted },
      });
    const [plain, adjusted] = [by(false), by(true)];
    return {
      diff: plain.estimate,
      se_newey_west: plain.status === 'ok' ? plain.se : null,
      se_newey_west_adj: adjusted.status === 'ok' ? adjusted.se : null,
    };
  }
  const cluster = list(input.cluster);
  const of = (kind: ClusterKind) => {
    const result = clusterRobust(rows, { alpha, cluster, kind });
    if (result.status !== 'ok') throw new Error(result.status);
    return result;
  };
  const iid = regressionEffect(rows, { alpha, errors: { kind: 'hc1' } });
  const [cr1, cr2] = [of('cr1'), of('cr2')];
  return {
    diff: cr1.estimate,
    n_clusters: cr1.clusters,
    se_iid_hc1: iid.status === 'ok' ? iid.se : null,
    se_cr0: of('cr0').se,
    se_cr0_g_adj: of('cr0_adjusted').se,
    se_cr1: cr1.se,
    se_cr2: cr2.se,
    df_cr2_satterthwaite: cr2.degreesOfFreedom,
    p_cr1_t_gminus1: cr1.p,
    ci_cr1_lower: cr1.lower,
    ci_cr1_upper: cr1.upper,
    se_delta_clusters: byTotals(outcome, treated, cluster),
  };
}

function clusterTolerance(field: string, { tags, corrections = {} }: VectorCase): Tolerance {
  if (!tags.includes('cancellation')) return { relative: 1e-8 };
  // At an offset of 1e7 R forms this one from raw moments and keeps two digits; where the exact
  // recomputation replaced it, it is held to the file's own tolerance.
  const isR = field === 'se_delta_clusters' && !(field in corrections);
  return { relative: isR ? 0.05 : 1e-5 };
}

/** The delta method over clusters, where no cluster straddles the arms. */
function byTotals(outcome: number[], treated: boolean[], cluster: number[]): number | null {
  const arms = [false, true].map((arm) => {
    const rows = treated.flatMap((value, i) => (value === arm ? [i] : []));
    const labels = rows.map((i) => cluster[i] as number);
    const moments = clusterMoments(
      rows.map((i) => outcome[i] as number),
      labels,
      { origin: Math.round(outcome[0] as number) },
    );
    return { moments, labels: new Set(labels) };
  });
  const [c, t] = arms as [(typeof arms)[0], (typeof arms)[0]];
  if ([...c.labels].some((label) => t.labels.has(label))) return null;
  const result = ratio(c.moments, t.moments, { alpha: 0.05 });
  return result.status === 'ok' && result.absolute.status === 'ok' ? result.absolute.se : null;
}

// --- quantiles, limits, dilution ------------------------------------------------------------

function quantileCase(input: Fields): Fields {
  const { alpha, p } = input as { alpha: number; p: number };
  const [c, t] = [input.control, input.treatment].map((arm) => {
    const { values, cluster } = arm as Fields;
    const answer = quantileArm(list(values), {
      p,
      alpha,
      ...(cluster !== undefined && { cluster: list(cluster) }),
    });
    if ('status' in answer) throw new Error(answer.status);
    return { answer, fields: quantileFields(answer, cluster !== undefined) };
  }) as [{ answer: QuantileArm; fields: Fields }, { answer: QuantileArm; fields: Fields }];
  // The vectors compare thin arms too.
  const result = compareQuantiles(c.answer, t.answer, { alpha, allowThin: true });
  const known = {
    control: c.fields,
    treatment: t.fields,
    status: result.status,
    diff_type7: result.estimate,
  };
  if (result.status !== 'ok') return { ...known, se: 0 };
  return {
    ...known,
    se: result.se,
    z: result.z,
    p_two_sided: result.p,
    ci_diff_lower: result.lower,
    ci_diff_upper: result.upper,
  };
}

function quantileFields(arm: QuantileArm, isClustered: boolean): Fields {
  return {
    n: arm.n,
    quantile_type7: arm.estimate,
    quantile_type1: arm.inverse,
    se_phat: arm.seShare,
    rank_lower: arm.ranks.lower,
    rank_upper: arm.ranks.upper,
    clamped: arm.ranks.clamped,
    ci_lower: arm.lower,
    ci_upper: arm.upper,
    se: arm.se,
    n_clusters: isClustered ? arm.units : null,
  };
}

function winsorizedCase(input: Fields): Fields {
  const alpha = input.alpha as number;
  const result = winsorized(list(input.control), list(input.treatment), {
    alpha,
    upper: input.upper_percentile as number,
    lower: input.lower_percentile as number,
    ignoreZeros: input.ignore_zeros as boolean,
  });
  const { control, treatment, limits } = result;
  return {
    cap_upper: limits.upper,
    cap_lower: limits.lower,
    n_capped_control: control.capped,
    n_capped_treatment: treatment.capped,
    control_mean: control.moments.mean,
    treatment_mean: treatment.moments.mean,
    control_variance: variance(control.moments),
    treatment_variance: variance(treatment.moments),
    ...welchFields(control.moments, treatment.moments, alpha),
  };
}

function dilutionCase(input: Fields): Fields {
  const alpha = input.alpha as number;
  const share = input.trigger_share as number;
  const [c, t] = [momentsOfArm(input.triggered_control), momentsOfArm(input.triggered_treatment)];
  const mean = input.overall_control_mean as number;
  const result = dilute(c, t, { alpha, share, overall: { mean } });
  if (result.status !== 'ok') return { status: result.status };
  const { triggered, triggeredRelative, site, siteRelative } = result;
  return {
    triggered_diff: triggered.estimate,
    triggered_se: triggered.se,
    triggered_lift: triggeredRelative.estimate,
    site_abs_diff_per_unit: site.estimate,
    site_abs_se: site.se,
    site_lift: siteRelative.estimate,
    site_lift_se_fixed_baseline: result.siteRelativeSe,
  };
}
