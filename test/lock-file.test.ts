/** The lock file, by which a fresh clone installs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

type Entry = { readonly optionalDependencies?: Readonly<Record<string, string>> };

const text = readFileSync(join(import.meta.dirname, '..', 'package-lock.json'), 'utf8');
const packages = (JSON.parse(text) as { packages: Readonly<Record<string, Entry>> }).packages;

test('npm ci does not fail on a fresh clone for want of packages of other platforms', () => {
  const known = Object.keys(packages);
  const missing = Object.values(packages)
    .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    .filter((name) => !known.some((path) => path.endsWith(`node_modules/${name}`)));
  expect(missing, 'run: node scripts/complete-lock.mjs').toEqual([]);
  expect(known.length).toBeGreaterThan(100);
});

test('the lock file names no registry', () => {
  expect(text).not.toMatch(/"resolved"/);
});
