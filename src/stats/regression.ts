/**
 * The effect of a treatment by least squares on raw values, with errors that hold when variances
 * differ, units come in clusters, or periods follow one another. The treatment is orthogonalised
 * against all else first (Frisch, Waugh, Lovell), so every error is a sum over the scores of one
 * coefficient.
 */
import { requireCount, requireProbability, requireSize } from './checks.ts';
import { tUpperQuantile } from './distributions.ts';
import { agree, isNumericallyZero, type NoEstimate } from './estimate.ts';
import { bilinear, dot, eigenSymmetric } from './linear-algebra.ts';
import { compensatedSum, momentsOf } from './moments.ts';
import { twoSided } from './welch.ts';

/** What is left of a column below this share of its length is rounding: it repeats the others. */
const ALIASED = 1e-9;
/** Residuals below this share of the outcome's spread are rounding. */
const ROUNDING = 1e-12;
/** With less than this the t quantile says nothing, and soon leaves the doubles. */
const DF_MIN = 0.5;
/** A unit or cluster with a leverage this near to 1 is fitted whatever it says. */
const LEVERAGE_MAX = 1 - 1e-10;

export type RegressionData = {
  /** One value a row, at most 1e150 in size. */
  readonly outcome: readonly number[];
  /** Whether the row was treated. */
  readonly treated: readonly boolean[];
  /** Covariates, one list each [none]. */
  readonly covariates?: readonly (readonly number[])[];
  /** Weights > 0 of the rows [1 each]. */
  readonly weights?: readonly number[];
};

export type ClusterKind = 'cr0' | 'cr0_adjusted' | 'cr1' | 'cr2';

export type Errors =
  | { readonly kind: 'hc0' | 'hc1' | 'hc2' | 'hc3' }
  /** One label a row; rows of one cluster may depend on one another in any way. */
  | { readonly kind: ClusterKind; readonly cluster: readonly (string | number)[] }
  /**
   * Rows in order of time; `adjusted` multiplies the variance by n / (n - k). With `series`, one
   * label a row and rows of a series together, only rows of one series go together.
   */
  | {
      readonly kind: 'newey_west';
      readonly lag: number;
      readonly adjusted?: boolean;
      readonly series?: readonly (string | number)[];
    };

export type RegressionEstimate = {
  readonly status: 'ok';
  /** Treated - not treated, other things equal, in the outcome's unit. */
  readonly estimate: number;
  readonly se: number;
  readonly degreesOfFreedom: number;
  readonly t: number;
  readonly p: number;
  readonly logP: number;
  readonly lower: number;
  readonly upper: number;
  /** 1 - alpha. */
  readonly level: number;
  /** Number of clusters; rows where there are none. */
  readonly clusters: number;
};

/**
 * What is the effect of a treatment in a linear model, and how sure are we?
 *
 * Least squares of the outcome on treatment, a constant and the covariates; 'own' slopes let each
 * covariate, centred at its mean, act differently under treatment (Lin). A covariate that repeats
 * others is left out.
 *
 *   hc0: sum of u^2, u = row's score       hc1: hc0 n / (n - k)
 *   hc2: sum of u^2 / (1 - h)              hc3: sum of u^2 / (1 - h)^2, h = leverage
 *   cr0: sum over clusters of (sum of u)^2     cr0_adjusted: cr0 G / (G - 1)
 *   cr1: cr0 G / (G - 1) (n - 1) / (n - k)     cr2: scores through (I - H_gg)^(-1/2)
 *   newey_west: sum of u_t^2 + 2 sum_l (1 - l / (lag + 1)) sum_t u_t u_{t-l}
 *   df: n - k for hc and newey_west, G - 1 for cr0 and cr1, Satterthwaite's for cr2
 *
 * @param data            Rows.
 * @param options.alpha   In (0, 1), two-sided.
 * @param options.errors  Kind of standard error; `cluster` one label a row, lag >= 0 and < rows.
 * @param options.slopes  'common' ['common'] | 'own'.
 * @returns The effect: 0 lies in the interval exactly when p >= alpha. Or NoEstimate:
 *          'insufficient_data' (treatment does not vary beyond the covariates, no degree of
 *          freedom is left, or fewer than 2 clusters) | 'zero_variance' (with `estimate`).
 * @throws RangeError when an argument breaks its stated range or lengths differ.
 * @source MacKinnon and White (1985); Liang and Zeger (1986); Bell and McCaffrey (2002), Survey
 *         Methodology 28; Newey and West (1987). Checked against R's sandwich and clubSandwich in
 *         test/golden/vectors/cluster_robust.json and cuped.json.
 */
export function regressionEffect(
  data: RegressionData,
  options: {
    readonly alpha: number;
    readonly errors: Errors;
    readonly slopes?: 'common' | 'own';
  },
): RegressionEstimate | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { alpha, errors, slopes = 'common' } = options;
  requireProbability('alpha', alpha);
  requireRows(data, errors);
  const fit = fitTreatment(data, slopes);
  if (fit === undefined || fit.rows <= fit.rank) return { status: 'insufficient_data' };
  const spread = spreadOf(fit, errors);
  if (spread === undefined) return { status: 'insufficient_data', estimate: fit.estimate };
  const { degreesOfFreedom, clusters } = spread;
  const se = Math.sqrt(Math.max(0, spread.variance)) / fit.length;
  const { estimate } = fit;
  if (isNumericallyZero(se, estimate) || se <= fit.noise) {
    return { status: 'zero_variance', estimate };
  }
  if (degreesOfFreedom < DF_MIN) return { status: 'insufficient_data', estimate };
  const t = estimate / se;
  const { p, logP } = twoSided(t, degreesOfFreedom);
  const reach = tUpperQuantile(alpha / 2, degreesOfFreedom) * se;
  const bounds = { lower: estimate - reach, upper: estimate + reach };
  return {
    status: 'ok',
    estimate,
    se,
    degreesOfFreedom,
    t,
    p,
    logP,
    ...agree(bounds, p < alpha, estimate),
    level: 1 - alpha,
    clusters,
  };
}

function requireRows(
  { outcome, treated, covariates = [], weights }: RegressionData,
  errors: Errors,
): void {
  const n = outcome.length;
  const requireLength = (name: string, length: number): void => {
    if (length !== n) throw new RangeError(`${name} has ${length} rows: must be ${n}, as outcome`);
  };
  requireLength('treated', treated.length);
  outcome.forEach((value, i) => {
    requireSize(`outcome[${i}]`, value);
  });
  covariates.forEach((covariate, j) => {
    requireLength(`covariates[${j}]`, covariate.length);
    covariate.forEach((value, i) => {
      requireSize(`covariates[${j}][${i}]`, value);
    });
  });
  if (weights !== undefined) {
    requireLength('weights', weights.length);
    weights.forEach((weight, i) => {
      if (!(weight > 0 && weight <= 1e150)) {
        throw new RangeError(`weights[${i}] = ${weight}: must be in (0, 1e150]`);
      }
    });
  }
  if ('cluster' in errors) requireLength('errors.cluster', errors.cluster.length);
  if (errors.kind === 'newey_west') {
    requireCount('errors.lag', errors.lag);
    if (errors.series !== undefined) requireLength('errors.series', errors.series.length);
    if (errors.lag >= n) throw new RangeError(`errors.lag = ${errors.lag}: must be < rows = ${n}`);
  }
}

// --- the fit --------------------------------------------------------------------------------

/** Orthonormal columns, the treatment's last; rows already weighted. */
export type Fit = {
  readonly rows: number;
  readonly rank: number;
  readonly estimate: number;
  /** Of the treatment column, once orthogonal to the others. */
  readonly length: number;
  readonly columns: readonly (readonly number[])[];
  readonly residuals: readonly number[];
  /** A standard error up to this is rounding. */
  readonly noise: number;
};

/**
 * Least squares with the treatment's coefficient apart.
 *
 * @returns undefined when treatment does not vary beyond the covariates.
 */
export function fitTreatment(data: RegressionData, slopes: 'common' | 'own'): Fit | undefined {
  const { outcome, treated, covariates = [] } = data;
  const rows = outcome.length;
  if (rows === 0) return undefined;
  const root = data.weights?.map(Math.sqrt);
  const weighted = (values: readonly number[]): number[] =>
    root === undefined ? [...values] : values.map((value, i) => value * (root[i] as number));
  const centred = (values: readonly number[]): number[] => {
    const { mean } = momentsOf(values);
    return values.map((value) => value - mean);
  };
  const others = covariates.map(centred);
  const treatment = treated.map(Number);
  const moderated =
    slopes === 'own' ? others.map((x) => x.map((v, i) => v * (treatment[i] as number))) : [];
  const columns: number[][] = [];
  for (const column of [new Array<number>(rows).fill(1), ...others, ...moderated]) {
    const unit = orthonormal(weighted(column), columns);
    if (unit !== undefined) columns.push(unit.direction);
  }
  const last = orthonormal(weighted(treatment), columns);
  if (last === undefined) return undefined;
  const residuals = weighted(centred(outcome));
  const size = Math.sqrt(compensatedSum(residuals, (y) => y * y));
  for (let pass = 0; pass < 2; pass += 1) for (const q of columns) subtract(residuals, q);
  const projected = dotCompensated(last.direction, residuals);
  subtract(residuals, last.direction);
  return {
    rows,
    rank: columns.length + 1,
    estimate: projected / last.length,
    length: last.length,
    columns: [...columns, last.direction],
    residuals,
    noise: (size / last.length) * ROUNDING,
  };
}

/** The part of a column that the others do not have, at length 1; undefined if there is none. */
function orthonormal(
  column: number[],
  others: readonly (readonly number[])[],
): { readonly direction: number[]; readonly length: number } | undefined {
  const whole = Math.sqrt(compensatedSum(column, (x) => x * x));
  if (whole === 0) return undefined;
  // Twice is enough (Kahan, Parlett).
  for (let pass = 0; pass < 2; pass += 1) for (const q of others) subtract(column, q);
  const length = Math.sqrt(compensatedSum(column, (x) => x * x));
  if (!(length > ALIASED * whole)) return undefined;
  return { direction: column.map((x) => x / length), length };
}

function subtract(from: number[], direction: readonly number[]): void {
  const amount = dotCompensated(from, direction);
  for (let i = 0; i < from.length; i += 1) {
    from[i] = (from[i] as number) - amount * (direction[i] as number);
  }
}

function dotCompensated(x: readonly number[], y: readonly number[]): number {
  return compensatedSum(x, (value, i) => value * (y[i] as number));
}

// --- errors ---------------------------------------------------------------------------------

type Spread = {
  /** Of the treatment's score, in the orthonormal direction. */
  readonly variance: number;
  readonly degreesOfFreedom: number;
  readonly clusters: number;
};

function spreadOf(fit: Fit, errors: Errors): Spread | undefined {
  if ('cluster' in errors) return clusterSpread(fit, errors.cluster, errors.kind);
  const { rows, rank } = fit;
  const scores = scoresOf(fit);
  const variance =
    errors.kind === 'newey_west'
      ? overTime(scores, errors) * (errors.adjusted ? rows / (rows - rank) : 1)
      : byRow(fit, scores, errors.kind);
  return { variance, degreesOfFreedom: rows - rank, clusters: rows };
}

function scoresOf({ columns, residuals }: Fit): number[] {
  const last = columns.at(-1) as readonly number[];
  return residuals.map((e, i) => e * (last[i] as number));
}

function byRow(fit: Fit, scores: readonly number[], kind: 'hc0' | 'hc1' | 'hc2' | 'hc3'): number {
  const { rows, rank, columns } = fit;
  if (kind === 'hc0' || kind === 'hc1') {
    const sum = compensatedSum(scores, (u) => u * u);
    return kind === 'hc0' ? sum : (sum * rows) / (rows - rank);
  }
  return compensatedSum(scores, (u, i) => {
    const leverage = columns.reduce((sum, q) => sum + (q[i] as number) ** 2, 0);
    const rest = 1 - leverage;
    if (leverage > LEVERAGE_MAX) return 0;
    return kind === 'hc2' ? (u * u) / rest : (u / rest) ** 2;
  });
}

function overTime(
  scores: readonly number[],
  { lag, series }: { readonly lag: number; readonly series?: readonly (string | number)[] },
): number {
  let variance = compensatedSum(scores, (u) => u * u);
  for (let l = 1; l <= lag; l += 1) {
    const together = compensatedSum(scores, (u, i) =>
      i < l || series?.[i] !== series?.[i - l] ? 0 : u * (scores[i - l] as number),
    );
    variance += 2 * (1 - l / (lag + 1)) * together;
  }
  return variance;
}

function clusterSpread(
  fit: Fit,
  cluster: readonly (string | number)[],
  kind: ClusterKind,
): Spread | undefined {
  const { rows, rank } = fit;
  const groups = groupsOf(cluster);
  const clusters = groups.length;
  if (clusters < 2) return undefined;
  if (kind === 'cr2') return { ...biasReduced(fit, groups), clusters };
  const scores = scoresOf(fit);
  const sum = groups.reduce((total, group) => {
    const score = compensatedSum(group, (i) => scores[i] as number);
    return total + score * score;
  }, 0);
  const byClusters = clusters / (clusters - 1);
  const factor = {
    cr0: 1,
    cr0_adjusted: byClusters,
    cr1: (byClusters * (rows - 1)) / (rows - rank),
  };
  return { variance: sum * factor[kind], degreesOfFreedom: clusters - 1, clusters };
}

/** The rows of each cluster, in order of first appearance. */
export function groupsOf(cluster: readonly (string | number)[]): number[][] {
  const groups = new Map<string | number, number[]>();
  cluster.forEach((label, i) => {
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [i]);
    else group.push(i);
  });
  return [...groups.values()];
}

/**
 * Bell and McCaffrey's CR2 with Satterthwaite's degrees of freedom, under a working model of equal
 * variances. With orthonormal columns Q, a = (I - Q_g Q_g')^(-1/2) Q_g w is all a cluster needs: its
 * score is a'e, and its part of the degrees of freedom a'a and b = Q_g'a.
 *
 *   df = (sum_g p_g'p_g)^2 / sum_gh (p_g'p_h)^2,  p_g'p_h = [g = h] a_g'a_g - b_g'b_h
 */
function biasReduced(
  fit: Fit,
  groups: readonly (readonly number[])[],
): { readonly variance: number; readonly degreesOfFreedom: number } {
  let variance = 0;
  let trace = 0;
  let squares = 0;
  const overlap = Array.from({ length: fit.rank }, () => new Array<number>(fit.rank).fill(0));
  for (const group of groups) {
    const { score, own, shared } = clusterPart(fit, group);
    variance += score * score;
    const sharedSquare = dot(shared, shared);
    trace += own - sharedSquare;
    squares += (own - sharedSquare) ** 2 - sharedSquare ** 2;
    shared.forEach((x, i) => {
      const row = overlap[i] as number[];
      shared.forEach((y, j) => {
        row[j] = (row[j] as number) + x * y;
      });
    });
  }
  for (const row of overlap) squares += dot(row, row);
  return { variance, degreesOfFreedom: squares > 0 ? (trace * trace) / squares : 0 };
}

type ClusterPart = { readonly score: number; readonly own: number; readonly shared: number[] };

/** a'e, a'a and b of one cluster, by the smaller of its two Gram matrices. */
function clusterPart(fit: Fit, group: readonly number[]): ClusterPart {
  const rows = group.map((i) => fit.columns.map((q) => q[i] as number));
  const residuals = group.map((i) => fit.residuals[i] as number);
  return group.length < fit.rank ? byRows(rows, residuals) : byColumns(rows, residuals);
}

/** 1 / sqrt(1 - leverage), and 0 for what is fitted whatever it says. */
function inverseRoot(leverage: number): number {
  return leverage > LEVERAGE_MAX ? 0 : 1 / Math.sqrt(1 - leverage);
}

/** f(Q_g Q_g') with the eigenvectors of the rows' Gram matrix. */
function byRows(rows: readonly (readonly number[])[], residuals: readonly number[]): ClusterPart {
  const { values, vectors } = eigenSymmetric(rows.map((x) => rows.map((y) => dot(x, y))));
  const last = rows.map((row) => row.at(-1) as number);
  const a = rows.map(() => 0);
  values.forEach((value, k) => {
    const vector = vectors[k] as number[];
    const amount = inverseRoot(value) * dot(vector, last);
    vector.forEach((v, i) => {
      a[i] = (a[i] as number) + amount * v;
    });
  });
  const shared = (rows[0] as readonly number[]).map((_, j) =>
    rows.reduce((sum, row, i) => sum + (row[j] as number) * (a[i] as number), 0),
  );
  return { score: dot(a, residuals), own: dot(a, a), shared };
}

/** The same through Q_g'Q_g: f(Q_g Q_g') Q_g = Q_g f(Q_g'Q_g). */
function byColumns(
  rows: readonly (readonly number[])[],
  residuals: readonly number[],
): ClusterPart {
  const rank = (rows[0] as readonly number[]).length;
  const gram = Array.from({ length: rank }, (_, j) =>
    Array.from({ length: rank }, (__, k) =>
      rows.reduce((sum, row) => sum + (row[j] as number) * (row[k] as number), 0),
    ),
  );
  const { values, vectors } = eigenSymmetric(gram);
  const turned = new Array<number>(rank).fill(0);
  values.forEach((value, k) => {
    const vector = vectors[k] as number[];
    const amount = inverseRoot(value) * (vector[rank - 1] as number);
    vector.forEach((v, j) => {
      turned[j] = (turned[j] as number) + amount * v;
    });
  });
  const scores = turned.map((_, j) =>
    rows.reduce((sum, row, i) => sum + (row[j] as number) * (residuals[i] as number), 0),
  );
  return {
    score: dot(turned, scores),
    own: bilinear(turned, gram, turned),
    shared: gram.map((row) => dot(row, turned)),
  };
}
