/** How many cases a property tries. */
import { vi } from 'vitest';

const ASKED = Number(process.env.ASSAY_PROPERTY_RUNS ?? 0);
if (ASKED > 0) vi.setConfig({ testTimeout: 3_600_000 });

/**
 * A few by default, so that the suite stays quick; ASSAY_PROPERTY_RUNS=100000 asks for more.
 *
 * @param usual  Cases by default.
 * @param most   Cases at most, for properties that are not cheap [all that are asked for].
 */
export function runs(usual: number, most = Infinity): { readonly numRuns: number } {
  return { numRuns: Math.min(Math.max(usual, ASKED), Math.max(usual, most)) };
}
