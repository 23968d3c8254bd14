/** Adapters of the estimators: rates, ratios, quantiles, adjustments, clusters, dilution. */
import {
  fisherExact,
  newcombe,
  type Proportion,
  pooledTest,
  rateLift,
  waldTest,
  wilson,
} from '../../src/stats/index.ts';
import type { Adapter, Fields } from './adapter.ts';

export const ESTIMATORS: Record<string, Adapter> = {
  two_proportion: {
    answer: proportionCase,
    tolerance: (field) =>
      field === 'p_fisher' ? { relative: 1e-7 } : { relative: 1e-9, absolute: 1e-15 },
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
