/** What all adapters share: their type, and how the vectors write an arm. */
import {
  type Moments,
  momentsFromExactSums,
  momentsOf,
  ratioToNumber,
  unitOf,
} from '../../src/stats/index.ts';

export type Fields = Record<string, unknown>;
export type VectorCase = {
  readonly id: string;
  readonly tags: readonly string[];
  readonly input: Fields;
  readonly expected: Fields;
  /** Fields that the independent recomputation replaced. */
  readonly corrections?: Fields;
};
export type Tolerance = { readonly relative?: number; readonly absolute?: number };

export type Adapter = {
  /** Our answer, field by field; an absent field says that there is no such number. */
  readonly answer: (input: Fields) => Fields;
  /** Fields that are not results: a remark, or a number that an engine must not return. */
  readonly remarks?: readonly string[];
  /** Where the file's `tolerance` text says something else than 1e-9 relative. */
  readonly tolerance?: (field: string, testCase: VectorCase, path: string) => Tolerance | undefined;
};

export type Arms = {
  readonly control: Moments;
  readonly treatment: Moments;
  /** Our numbers times this are in the case's unit: values near 1e-160 are scaled up first. */
  readonly unit: number;
};

export function armsOf(input: Fields): Arms {
  const { control, treatment } = input;
  const unit = unitOf([control, treatment].flat().filter((x): x is number => Number.isFinite(x)));
  return { control: momentsOfArm(control, unit), treatment: momentsOfArm(treatment, unit), unit };
}

export function momentsOfArm(arm: unknown, unit = 1, origin = 0n): Moments {
  if (typeof arm === 'number') return momentsOf([arm], { unit });
  if (Array.isArray(arm)) return momentsOf(arm as number[], { unit });
  const { n, mean, variance: s2, sum, sum_squares: squares } = arm as Record<string, number>;
  if (sum !== undefined) {
    return momentsFromExactSums({
      n: Number(n),
      sum: BigInt(sum),
      sumOfSquares: BigInt(squares as number),
      scale: 1n,
      origin,
    });
  }
  return { n: Number(n), mean: Number(mean), m2: Number(s2 ?? 0) * (Number(n) - 1) };
}

/** Exact sums are moved near zero first, so that a difference of huge means keeps its digits. */
export function welchArms(input: Fields): Arms {
  const sums = [input.control, input.treatment] as { n: number; sum?: string }[];
  if (sums.some((arm) => arm.sum === undefined)) return armsOf(input);
  const first = sums[0] as { n: number; sum: string };
  const origin = BigInt(first.sum) / BigInt(first.n);
  return {
    control: momentsOfArm(input.control, 1, origin),
    treatment: momentsOfArm(input.treatment, 1, origin),
    unit: 1,
  };
}

export function meanOf(arm: unknown): number {
  const { n, sum } = arm as { n?: number; sum?: string };
  return sum === undefined
    ? momentsOfArm(arm).mean
    : ratioToNumber(BigInt(sum), BigInt(n as number));
}

/** Means near 1e8 with a spread near 1: doubles cannot hold the exact expected digits. */
export function cancellation(field: string, { tags, expected }: VectorCase): Tolerance | undefined {
  if (!tags.includes('cancellation')) return undefined;
  return field === 'diff' || field.startsWith('ci_')
    ? { absolute: 1e-6 * (expected.se as number) }
    : { relative: 1e-6 };
}

export function list(value: unknown): number[] {
  return [value].flat() as number[];
}

export function times(value: number | undefined, factor: number): number | null {
  return value === undefined ? null : value * factor;
}
