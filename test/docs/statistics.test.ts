/** The examples of docs/statistics.md: each runs against src/stats and prints what the page says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as stats from '../../src/stats/index.ts';

type Example = { readonly title: string; readonly code: string; readonly printed: string };

const page = readFileSync(join(import.meta.dirname, '../../docs/statistics.md'), 'utf8');
const examples = examplesOf(page);

/** Each block of code with the output block that follows it, under the heading it stands below. */
function examplesOf(text: string): Example[] {
  const found: Example[] = [];
  const block = /```js\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g;
  for (const match of text.matchAll(block)) {
    const before = text.slice(0, match.index);
    const title = [...before.matchAll(/^#+ (.*)$/gm)].at(-1)?.[1] ?? '';
    found.push({ title, code: match[1] as string, printed: match[2] as string });
  }
  return found;
}

/** What an example prints, with `assay/stats` standing for the source. */
function run(code: string): string {
  const lines: string[] = [];
  const print = (...parts: unknown[]): void => {
    lines.push(parts.map(String).join(' '));
  };
  const body = code.replace(/import \{([^}]*)\} from 'assay\/stats';/g, 'const {$1} = stats;');
  new Function('stats', 'console', `'use strict';\n${body}`)(stats, { log: print });
  return `${lines.join('\n')}\n`;
}

test('every block of code has its output', () => {
  expect(examples.length).toBe(page.match(/```js\n/g)?.length);
  expect(examples.length).toBeGreaterThan(25);
});

describe('examples', () => {
  test.each(examples.map((example) => [example.title, example] as const))('%s', (_, example) => {
    expect(run(example.code)).toBe(example.printed);
  });
});

test('the package opens the same door', () => {
  const manifest = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
  expect(JSON.parse(manifest).exports['./stats']).toEqual({
    types: './dist/stats/index.d.ts',
    default: './dist/stats/index.js',
  });
});

test('every exported function is on the page', () => {
  const unnamed = Object.keys(stats).filter((name) => !page.includes(name));
  expect(unnamed.filter((name) => !DISTRIBUTION.test(name))).toEqual([]);
});

/** Named on the page by their first word only. */
const DISTRIBUTION =
  /^(log)?(normal|t|chiSquare|gamma|beta|f)(Cdf|UpperTail|Quantile|UpperQuantile|LogTails)$|^logGamma/i;
