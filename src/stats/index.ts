/** The public list of the statistics: pure functions on sufficient statistics. */

export {
  absolutePrior,
  type BetaBelief,
  type BetaBinomialPosterior,
  betaBinomial,
  type Choice,
  LIFT_PRIOR,
  liftPosterior,
  type NormalPosterior,
  type NormalPrior,
  normalPosterior,
  type RatePosterior,
} from './bayesian.ts';
export {
  type BootstrapEstimate,
  bcaInterval,
  bucketBootstrap,
  poissonBootstrap,
  type Resample,
  resampledMean,
  resampledQuantile,
} from './bootstrap.ts';
export { clusterMoments, clusterRobust } from './cluster.ts';
export {
  type CoMoments,
  coMomentsFromExactSums,
  coMomentsOf,
  correlationOf,
  type ExactCrossSums,
  mergeCoMoments,
  momentsAt,
} from './co-moments.ts';
export { contrast, type Interaction, interaction } from './contrast.ts';
export {
  type Correlation,
  correlation,
  correlationBca,
  type Disattenuated,
  disattenuated,
} from './correlation.ts';
export {
  type AdjustedArm,
  type Adjustment,
  type AdjustOptions,
  adjust,
  type CupedComparison,
  cuped,
  fillMissing,
  type Slopes,
} from './cuped.ts';
export * from './distributions.ts';
export {
  binCounts,
  type Drift,
  jensenShannon,
  type KolmogorovSmirnov,
  kolmogorovSmirnov,
  type PopulationStability,
  populationStability,
  quantileEdges,
} from './drift.ts';
export { agree, type Interval, type NoEstimate, type Reason } from './estimate.ts';
export {
  type Boundaries,
  type BoundaryPlan,
  boundaries,
  classicBoundaries,
  conditionalPower,
  crossingProbabilities,
  inflationFactor,
  inflationOf,
  repeatedP,
  type Spending,
} from './group-sequential.ts';
export {
  exceedsRate,
  type Imbalance,
  type MissingCount,
  type MissingDifference,
  missingDifference,
  type PeriodSampleRatio,
  preperiodImbalance,
  type SampleRatioPeriod,
  sampleRatioByPeriod,
  sequentialSampleRatioByPeriod,
} from './health.ts';
export {
  type ExactSums,
  type Moments,
  merge,
  momentsFromExactSums,
  momentsOf,
  NO_UNITS,
  ratioToNumber,
  unitOf,
  variance,
} from './moments.ts';
export {
  type Futility,
  futility,
  type GroupSequentialLook,
  groupSequentialLook,
} from './monitoring.ts';
export {
  type AdjustedPValues,
  benjaminiHochberg,
  benjaminiYekutieli,
  bonferroni,
  eBenjaminiHochberg,
  type FalseCoverage,
  falseCoverage,
  hochberg,
  holm,
  type PValues,
} from './multiplicity.ts';
export {
  type Equivalence,
  equivalence,
  type NonInferiority,
  type NonInferiorityOptions,
  nonInferiority,
} from './noninferiority.ts';
export { type Novelty, noveltyContrast } from './novelty.ts';
export {
  type Clusters,
  type DecisionRates,
  type Design,
  type DetectableEffect,
  decisionRates,
  designEffect,
  detectableEffect,
  detectableMargin,
  exaggeration,
  type Monitoring,
  type PlannedEffect,
  type PlannedMetric,
  powerOf,
  type SampleSize,
  sampleSize,
  type Undetectable,
} from './power.ts';
export {
  fisherExact,
  newcombe,
  type Proportion,
  type ProportionTest,
  pooledTest,
  wilson,
} from './proportion.ts';
export {
  compareQuantiles,
  type QuantileArm,
  type QuantileComparison,
  type QuantileRanks,
  quantileArm,
  quantileRanks,
  sampleQuantile,
} from './quantile.ts';
export { type QuantileEffect, quantileEffects } from './quantile-effects.ts';
export {
  momentsOfRate,
  type RateEstimate,
  type RateLift,
  rateLift,
  rates,
  type SameRate,
  type WaldEstimate,
  waldTest,
} from './rates.ts';
export {
  type RatioComparison,
  ratio,
  ratioMoments,
  ratioMomentsOf,
  type Variable,
} from './ratio.ts';
export {
  type ClusterKind,
  type Errors,
  type RegressionData,
  type RegressionEstimate,
  regressionEffect,
} from './regression.ts';
export {
  type Baseline,
  type FiellerInterval,
  fieller,
  type NoLift,
  type RatioEstimate,
  type RelativeEstimate,
  relative,
  relativeDelta,
  relativeLogRatio,
  type UnboundedInterval,
} from './relative.ts';
export {
  type SegmentEffect,
  type SegmentEffects,
  type ShrunkEffect,
  segmentEffects,
} from './segments.ts';
export {
  confidenceSequence,
  confidenceSequenceOneSided,
  type Look,
  mixingPrecision,
  mixtureSequentialTest,
  type NoSequence,
  type SequentialBound,
  type SequentialInterval,
} from './sequential.ts';
export { type ResponseShape, responseShape, type Shape } from './shape.ts';
export {
  type SampleRatio,
  type SequentialSampleRatio,
  sampleRatioMismatch,
  sequentialSampleRatio,
} from './srm.ts';
export {
  type SwitchbackCell,
  type SwitchbackDesign,
  type SwitchbackEstimate,
  type SwitchbackWindow,
  switchback,
  switchbackCells,
} from './switchback.ts';
export { rateSampleSize, tTestPower, tTestSampleSize } from './textbook-power.ts';
export { type Dilution, dilute, diluteRatio, type RatioDilution } from './triggered.ts';
export { createRandom, type Random } from './variates.ts';
export { type WelchEstimate, welch } from './welch.ts';
export {
  type WinsorizedArm,
  type WinsorizedComparison,
  type WinsorLimits,
  type WinsorOptions,
  winsorize,
  winsorized,
  winsorLimits,
} from './winsorized.ts';
