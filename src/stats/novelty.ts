/** Does an effect fade, or grow, as people get used to the change? */
import { requireProbability } from './checks.ts';
import { type CoMoments, momentsAt, requireCoMoments } from './co-moments.ts';
import type { NoEstimate } from './estimate.ts';
import type { Moments } from './moments.ts';
import { type WelchEstimate, welch } from './welch.ts';

export type Novelty = {
  readonly status: 'ok';
  /** Effect in the units' first days, and in their last. */
  readonly early: WelchEstimate;
  readonly late: WelchEstimate;
  /** Late effect minus early effect, by the change within each unit. */
  readonly change: WelchEstimate;
  /** change.p < alpha. */
  readonly changed: boolean;
  /**
   * Of a changed effect: 'flipped' when early and late have opposite signs, else 'fading' (novelty)
   * when the late one is smaller in size, else 'growing' (primacy). 'steady' when not changed.
   */
  readonly pattern: 'steady' | 'fading' | 'growing' | 'flipped';
  /** Share of the early effect that is gone, 1 - late / early; null when the early one is 0. */
  readonly decay: number | null;
};

/**
 * Does the effect change with the days since a unit's first exposure?
 *
 * By a contrast within each unit: its late mean minus its early mean, compared between the arms.
 * The same units are in both periods, so the days are not taken for independent. Give units whose
 * early and late windows are both complete, counted from their own first exposure (not the
 * calendar); first against last third is a good choice.
 *
 *   change = mean_t(late - early) - mean_c(late - early),  by Welch's test
 *
 * @param control        Co-moments of (early, late) over the control arm's units.
 * @param treatment      Co-moments of (early, late) over the treatment arm's units.
 * @param options.alpha  In (0, 1), two-sided [0.01]; also of the intervals.
 * @returns Early and late effect, their change and what it looks like; or NoEstimate:
 *          'insufficient_data' | 'zero_variance' (of any of the three).
 * @throws RangeError when an argument breaks its stated range.
 * @source Kohavi, Tang, Xu (2020), Trustworthy Online Controlled Experiments, ch. 3 and 23.
 */
export function noveltyContrast(
  control: CoMoments,
  treatment: CoMoments,
  options: { readonly alpha?: number } = {},
): Novelty | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { alpha = 0.01 } = options;
  requireProbability('alpha', alpha);
  requirePair('control', control);
  requirePair('treatment', treatment);
  const early = welch(momentsAt(control, 0), momentsAt(treatment, 0), { alpha });
  const late = welch(momentsAt(control, 1), momentsAt(treatment, 1), { alpha });
  const change = welch(changeOf(control), changeOf(treatment), { alpha });
  for (const part of [early, late, change]) {
    if (part.status !== 'ok') return { status: part.status };
  }
  if (early.status !== 'ok' || late.status !== 'ok' || change.status !== 'ok') {
    return { status: 'insufficient_data' };
  }
  const changed = change.p < alpha;
  const decay = 1 - late.estimate / early.estimate;
  return {
    status: 'ok',
    early,
    late,
    change,
    changed,
    pattern: changed ? patternOf(early.estimate, late.estimate) : 'steady',
    decay: Number.isFinite(decay) ? decay : null,
  };
}

function patternOf(early: number, late: number): 'fading' | 'growing' | 'flipped' {
  if (early * late < 0) return 'flipped';
  return Math.abs(late) < Math.abs(early) ? 'fading' : 'growing';
}

/** Moments of late minus early. */
function changeOf({ n, means, cross }: CoMoments): Moments {
  const [early, late] = means as [number, number];
  const [first, second] = cross as unknown as [[number, number], [number, number]];
  return { n, mean: late - early, m2: Math.max(0, first[0] - 2 * first[1] + second[1]) };
}

function requirePair(name: string, pair: CoMoments): void {
  requireCoMoments(name, pair);
  if (pair.means.length !== 2) {
    throw new RangeError(`${name} has ${pair.means.length} variables: must be 2, early and late`);
  }
}
