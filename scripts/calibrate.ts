/**
 * Do the statistics keep their promises? Simulates them all with fixed seeds and writes the table
 * to docs/calibration.md. About four minutes on one core.
 *
 *   npm run calibrate               the page
 *   npm run calibrate -- 0.1        a tenth of the runs, to the screen only
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Section } from './calibration/harness.ts';
import { SECTIONS } from './calibration/sections.ts';

const scale = Number(process.argv[2] ?? 1);
if (!(scale > 0 && scale <= 100)) throw new RangeError(`scale = ${scale}: must be in (0, 100]`);

const startedAt = performance.now();
const sections = SECTIONS.map((make) => {
  const from = performance.now();
  const section = make(scale);
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  const broken = section.rows.filter(({ ok }) => !ok);
  console.log(`${section.title}: ${section.rows.length} rows, ${seconds} s`);
  for (const row of broken) {
    console.log(`  NOT KEPT: ${row.name}: ${row.promise}, measured ${row.measured}, ${row.bound}`);
  }
  return section;
});
const seconds = Math.round((performance.now() - startedAt) / 1000);
const all = sections.flatMap(({ rows }) => rows);
const kept = all.filter(({ ok }) => ok).length;
console.log(`${kept} of ${all.length} rows keep their promise, ${seconds} s`);
if (scale === 1) {
  mkdirSync('docs', { recursive: true });
  writeFileSync(join('docs', 'calibration.md'), page(sections));
}
process.exitCode = kept === all.length ? 0 : 1;

function page(list: readonly Section[]): string {
  return `# Calibration

Every method of \`src/stats\`, simulated: do its error rates, intervals and plans hold? Written by
\`npm run calibrate\` (seeds are fixed, so the numbers are the same on every machine); a smaller
version of the same rows runs in \`test/slow/calibration.test.ts\`.

The arithmetic: a rate p counted in N runs has the standard error √(p(1 − p)/N). A row keeps its
promise when the count lies within 3.29 of these (once in a thousand by chance): on both sides for
"=", on one for "≤" and "≥". Where a method is an approximation, or a number comes from elsewhere,
the row says "about" and its bound has a stated allowance besides. ${all.length} rows, ${kept} kept.

${list.map(table).join('\n\n')}
`;
}

function table({ title, text, rows }: Section): string {
  const lines = rows.map(
    (row) =>
      `| ${row.name} | ${row.promise} | ${row.measured} | ${row.bound} | ${row.runs.toLocaleString('en-US')} | ${row.ok ? 'yes' : '**no**'} |`,
  );
  return [
    `## ${title}`,
    '',
    text,
    '',
    '| | promise | measured | within chance | runs | kept |',
    '|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}
