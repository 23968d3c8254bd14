/** Adds up the result files of the test runs and closes with one plain line; fails when none ran or any failed. */
import { existsSync, readFileSync } from 'node:fs';

let passed = 0;
let failed = 0;
let skipped = 0;
for (const project of ['fast', 'slow']) {
  const file = `test-results/${project}.json`;
  if (!existsSync(file)) {
    console.log(`${project}: no result file, so the run did not finish`);
    failed += 1;
    continue;
  }
  const result = JSON.parse(readFileSync(file, 'utf8'));
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  skipped += result.numPendingTests + result.numTodoTests;
  // A file that could not even be loaded has no failed test of its own.
  if (!result.success && result.numFailedTests === 0) failed += 1;
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
