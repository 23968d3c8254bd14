/** Effects when units of one cluster (a household, a store, a region's hour) go together. */
import { requireSize } from './checks.ts';
import { type CoMoments, coMomentsOf } from './co-moments.ts';
import type { NoEstimate } from './estimate.ts';
import { compensatedSum } from './moments.ts';
import {
  type ClusterKind,
  groupsOf,
  type RegressionData,
  type RegressionEstimate,
  regressionEffect,
} from './regression.ts';

/** With fewer clusters than this the plain cluster error is too small: CR2 stands in. */
const CLUSTERS_MANY = 40;

/**
 * Do treated rows differ from the others, when rows of one cluster depend on one another?
 *
 * The difference of means (or the treatment's coefficient beside covariates) with an error that
 * allows any dependence within clusters. Treatment may vary within clusters or between them. With
 * whole clusters in one arm and many of them, `clusterMoments` and `ratio` say the same from sums.
 *
 *   cr2 with Satterthwaite's df below 40 clusters, cr1 with G - 1 from there on
 *
 * @param data             Rows.
 * @param options.alpha    In (0, 1), two-sided.
 * @param options.cluster  One label a row.
 * @param options.kind     Kind of error [by the number of clusters].
 * @returns As regressionEffect.
 * @throws RangeError when an argument breaks its stated range or lengths differ.
 * @source As regressionEffect. Checked in test/golden/vectors/cluster_robust.json.
 */
export function clusterRobust(
  data: RegressionData,
  options: {
    readonly alpha: number;
    readonly cluster: readonly (string | number)[];
    readonly kind?: ClusterKind;
  },
): RegressionEstimate | NoEstimate<'insufficient_data' | 'zero_variance'> {
  const { alpha, cluster } = options;
  const isFew = new Set(cluster).size < CLUSTERS_MANY;
  const kind = options.kind ?? (isFew ? 'cr2' : 'cr1');
  return regressionEffect(data, { alpha, errors: { kind, cluster } });
}

/**
 * What are the co-moments of clusters: the total and the number of rows of each?
 *
 * Clusters become the units: the mean of all rows is then a ratio metric, total over rows.
 *
 * @param values          One value a row, of one arm.
 * @param cluster         One label a row.
 * @param options.origin  Subtracted from every value first [0]: one origin near the values, for all
 *                        arms, keeps the digits of their difference where values are far from 0.
 * @returns Co-moments over clusters, variable 0 the totals, variable 1 the numbers of rows.
 * @throws RangeError when the lengths differ, or a value is out of range.
 * @source Deng, Lu, Qin (2021), The equivalence of the delta method and the cluster-robust variance.
 */
export function clusterMoments(
  values: readonly number[],
  cluster: readonly (string | number)[],
  options: { readonly origin?: number } = {},
): CoMoments {
  const { origin = 0 } = options;
  requireSize('origin', origin);
  if (cluster.length !== values.length) {
    throw new RangeError(`cluster has ${cluster.length} rows: must be ${values.length}, as values`);
  }
  const groups = groupsOf(cluster);
  const totals = groups.map((group) =>
    compensatedSum(group, (i) => (values[i] as number) - origin),
  );
  return coMomentsOf([totals, groups.map((group) => group.length)]);
}
