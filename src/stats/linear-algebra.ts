/** The little linear algebra that adjustment and robust errors need: small dense matrices. */

export type Matrix = readonly (readonly number[])[];

/** Below this share of a variable's variance, what the others leave of it is rounding. */
const PIVOT_MIN = 1e-10;
/** Added to the diagonal of a singular correlation matrix, times its trace. */
const RIDGE = 1e-8;

/**
 * Solves S x = s for a covariance matrix S, by Cholesky on the correlation scale, so that variables
 * of any unit are alike. A variable without variance gets 0; where variables repeat one another a
 * ridge of 1e-8 of the trace shares the weight between them.
 *
 * @param matrix  Symmetric, positive semidefinite.
 * @param right   One number a row.
 */
export function solveCovariance(matrix: Matrix, right: readonly number[]): number[] {
  const scales = matrix.map((row, i) => Math.sqrt(row[i] as number));
  const active = scales.flatMap((scale, i) => (scale > 0 ? [i] : []));
  const scaleOf = (i: number): number => scales[i] as number;
  const correlations = active.map((i) =>
    active.map((j) => (i === j ? 1 : (matrix[i]?.[j] as number) / scaleOf(i) / scaleOf(j))),
  );
  const target = active.map((i) => (right[i] as number) / scaleOf(i));
  const factor =
    cholesky(correlations, 0) ??
    cholesky(correlations, RIDGE * active.length) ??
    identity(active.length);
  const solution = new Array<number>(matrix.length).fill(0);
  backSubstitute(factor, target).forEach((value, k) => {
    const i = active[k] as number;
    solution[i] = value / scaleOf(i);
  });
  return solution;
}

/** The lower triangle L with L L' = matrix + ridge I; undefined when a pivot is only rounding. */
function cholesky(matrix: Matrix, ridge: number): number[][] | undefined {
  const lower: number[][] = [];
  for (let i = 0; i < matrix.length; i += 1) {
    const row: number[] = [];
    for (let j = 0; j <= i; j += 1) {
      let sum = (matrix[i]?.[j] as number) + (i === j ? ridge : 0);
      const other = j === i ? row : (lower[j] as number[]);
      for (let k = 0; k < j; k += 1) sum -= (row[k] as number) * (other[k] as number);
      if (i !== j) row.push(sum / (other[j] as number));
      else if (sum > Math.max(PIVOT_MIN, ridge / 2)) row.push(Math.sqrt(sum));
      else return undefined;
    }
    lower.push(row);
  }
  return lower;
}

function identity(size: number): number[][] {
  return Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (__, j) => (i === j ? 1 : 0)),
  );
}

/** Solves L L' x = right. */
function backSubstitute(lower: Matrix, right: readonly number[]): number[] {
  const size = lower.length;
  const forward: number[] = [];
  for (let i = 0; i < size; i += 1) {
    let sum = right[i] as number;
    for (let k = 0; k < i; k += 1) sum -= (lower[i]?.[k] as number) * (forward[k] as number);
    forward.push(sum / (lower[i]?.[i] as number));
  }
  const solution = new Array<number>(size).fill(0);
  for (let i = size - 1; i >= 0; i -= 1) {
    let sum = forward[i] as number;
    for (let k = i + 1; k < size; k += 1)
      sum -= (lower[k]?.[i] as number) * (solution[k] as number);
    solution[i] = sum / (lower[i]?.[i] as number);
  }
  return solution;
}

/** x' M y. */
export function bilinear(x: readonly number[], matrix: Matrix, y: readonly number[]): number {
  let sum = 0;
  x.forEach((xi, i) => {
    const row = matrix[i] as readonly number[];
    y.forEach((yj, j) => {
      sum += xi * (row[j] as number) * yj;
    });
  });
  return sum;
}

export function dot(x: readonly number[], y: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < x.length; i += 1) sum += (x[i] as number) * (y[i] as number);
  return sum;
}

/**
 * Eigenvalues and orthonormal eigenvectors of a symmetric matrix, by Jacobi's rotations.
 *
 * @returns values[k] belongs to the vector vectors[k].
 * @source Golub and Van Loan (2013), Matrix Computations, 8.5.
 */
export function eigenSymmetric(matrix: Matrix): {
  readonly values: number[];
  readonly vectors: number[][];
} {
  const size = matrix.length;
  const a = matrix.map((row) => [...row]);
  const vectors = identity(size);
  const cell = (i: number, j: number): number => a[i]?.[j] as number;
  for (let sweep = 0; sweep < 60; sweep += 1) {
    let off = 0;
    let all = 0;
    for (let i = 0; i < size; i += 1) {
      for (let j = 0; j < size; j += 1) {
        const square = cell(i, j) ** 2;
        all += square;
        if (i !== j) off += square;
      }
    }
    if (off <= 1e-34 * all) break;
    for (let p = 0; p < size; p += 1) {
      for (let q = p + 1; q < size; q += 1) rotate(a, vectors, p, q);
    }
  }
  return { values: a.map((row, i) => row[i] as number), vectors };
}

/** One rotation that makes a[p][q] zero; the rows of `vectors` follow. */
function rotate(a: number[][], vectors: number[][], p: number, q: number): void {
  const [rowP, rowQ] = [a[p] as number[], a[q] as number[]];
  const off = rowP[q] as number;
  if (off === 0) return;
  const theta = ((rowQ[q] as number) - (rowP[p] as number)) / (2 * off);
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(1, theta));
  const c = 1 / Math.hypot(1, t);
  const s = t * c;
  for (const row of a) {
    const [x, y] = [row[p] as number, row[q] as number];
    row[p] = c * x - s * y;
    row[q] = s * x + c * y;
  }
  turn(rowP, rowQ, c, s);
  turn(vectors[p] as number[], vectors[q] as number[], c, s);
}

function turn(rowP: number[], rowQ: number[], c: number, s: number): void {
  for (let k = 0; k < rowP.length; k += 1) {
    const [x, y] = [rowP[k] as number, rowQ[k] as number];
    rowP[k] = c * x - s * y;
    rowQ[k] = s * x + c * y;
  }
}
