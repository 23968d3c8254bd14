/** All that is simulated, in the order of the page. */
import { beliefs, exploration } from './exploration.ts';
import { coverage, falsePositives, others, variances } from './fixed.ts';
import type { Scale, Section } from './harness.ts';
import { dailyLooks, sampleRatio } from './peeking.ts';
import { power, shipRule } from './planned.ts';

export const SECTIONS: readonly ((scale: Scale) => Section)[] = [
  falsePositives,
  coverage,
  variances,
  others,
  dailyLooks,
  sampleRatio,
  power,
  shipRule,
  exploration,
  beliefs,
];
