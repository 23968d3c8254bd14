/**
 * The architecture, checked: which folder may stand on which, what pure code may not touch, which file walls
 * off which package, where SQL stands, and that no file is dead. Every rule is also held against a planted
 * violation, so that a rule that has gone blind is found here and not by a stranger.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  deadFiles,
  ENTRIES,
  environmentReads,
  FLOORS,
  floorViolations,
  importsOf,
  impurities,
  pageReads,
  readCode,
  type Source,
  SQL_IN_CODE,
  sdkCargo,
  sqlInCode,
  templateViolations,
  tooFewSources,
  WALLS,
  wallViolations,
} from './architecture/rules.ts';

const ROOT = resolve(import.meta.dirname, '..');
const sources = readFiles('src', '.ts').filter(({ path }) => !path.endsWith('.d.ts'));
const templates = readFiles('views', '.ejs');
const statements = readFiles('sql', '.sql');

function readFiles(folder: string, ending: string): Source[] {
  const directory = join(ROOT, folder);
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(directory, path), 'utf8') }));
}

function planted(path: string, text: string): Source[] {
  return [{ path, text }];
}

describe('the code', () => {
  test('is seen by this test', () => {
    expect(tooFewSources(sources, 80)).toEqual([]);
    expect(tooFewSources(templates, 15)).toEqual([]);
    expect(tooFewSources(statements, 10)).toEqual([]);
    expect(sources.flatMap(({ text }) => importsOf(text)).length).toBeGreaterThan(300);
    for (const floor of Object.keys(FLOORS)) {
      expect(
        sources.filter(({ path }) => path.startsWith(`${floor}/`)).length,
        floor,
      ).toBeGreaterThan(1);
    }
  });

  test('stands only on the floors below it', () => {
    expect(floorViolations(sources)).toEqual([]);
  });

  test('names every package behind its wall only', () => {
    expect(wallViolations(sources)).toEqual([]);
  });

  test('touches no clock, dice or machine on the pure floors', () => {
    expect(impurities(sources)).toEqual([]);
  });

  test('reads the environment in one file', () => {
    expect(environmentReads(sources)).toEqual([]);
  });

  test('has no dead file', () => {
    expect(deadFiles(sources, ENTRIES)).toEqual([]);
  });

  test('brings no zod and nothing of Node into the SDK', () => {
    expect(sdkCargo(sources)).toEqual([]);
  });

  test('lets pages read what they are given and write nothing', () => {
    expect(pageReads(sources)).toEqual([]);
  });

  test('keeps its SQL in sql/', () => {
    expect(sqlInCode(sources)).toEqual([]);
  });

  test('escapes everything in templates and puts no script or style in them', () => {
    expect(templateViolations(templates)).toEqual([]);
  });
});

describe('the rules', () => {
  test('fail when they see too few files', () => {
    expect(tooFewSources(sources.slice(0, 3), 80)).toEqual([
      'only 3 files were seen, at least 80 are there',
    ]);
    expect(tooFewSources([], 1)).toHaveLength(1);
  });

  test.each([
    ['stats/a.ts', "import { b } from '../domain/b.ts';", 'stats/a.ts -> domain/b.ts'],
    ['domain/a.ts', "import { b } from '../stats/b.ts';", 'domain/a.ts -> stats/b.ts: types only'],
    [
      'domain/a.ts',
      "import { type B } from '../stats/b.ts';",
      'domain/a.ts -> stats/b.ts: types only',
    ],
    [
      'warehouse/a.ts',
      "import { b } from '../stats/b.ts';",
      'warehouse/a.ts -> stats/b.ts: types only',
    ],
    ['engine/a.ts', "import { b } from '../sdk/b.ts';", 'engine/a.ts -> sdk/b.ts'],
    ['engine/a.ts', "import type { B } from '../http/b.ts';", 'engine/a.ts -> http/b.ts'],
    ['http/a.ts', "import { b } from '../cli/b.ts';", 'http/a.ts -> cli/b.ts'],
    ['cli/a.ts', "import { b } from '../http/b.ts';", 'cli/a.ts -> http/b.ts'],
    ['cli/a.ts', "import type { B } from '../http/b.ts';", 'cli/a.ts -> http/b.ts'],
    [
      'http/api/a.ts',
      "import { b } from '../../warehouse/b.ts';",
      'http/api/a.ts -> warehouse/b.ts',
    ],
    ['cli/a.ts', "import type { B } from '../sdk/b.ts';", 'cli/a.ts -> sdk/b.ts'],
    ['cli/a.ts', "import { b } from '../simulator/b.ts';", 'cli/a.ts -> simulator/b.ts'],
    ['store/a.ts', "export { b } from '../inbox/b.ts';", 'store/a.ts -> inbox/b.ts'],
    ['store/a.ts', "export * from '../engine/b.ts';", 'store/a.ts -> engine/b.ts'],
    ['store/a.ts', "const b = await import('../engine/b.ts');", 'store/a.ts -> engine/b.ts'],
    ['store/a.ts', "import '../engine/b.ts';", 'store/a.ts -> engine/b.ts'],
    [
      'runtime/a.ts',
      "import {\n  b,\n  c,\n} from '../engine/b.ts';",
      'runtime/a.ts -> engine/b.ts',
    ],
    ['sdk/a.ts', "import { b } from '../runtime/b.ts';", 'sdk/a.ts -> runtime/b.ts'],
    [
      'bucketing/a.ts',
      "import { b } from 'node:fs';",
      'bucketing/a.ts -> node:fs: this floor knows no machine',
    ],
    [
      'sdk/a.ts',
      "import { b } from 'node:fs';",
      'sdk/a.ts -> node:fs: this floor knows no machine',
    ],
    ['cellar/a.ts', '', 'cellar/a.ts: no floor is declared for this folder'],
  ])('catch an import that goes the wrong way: %s, %s', (path, text, says) => {
    expect(floorViolations(planted(path, text))).toEqual([says]);
  });

  test.each([
    ['domain/a.ts', "import type { B } from '../stats/b.ts';"],
    ['engine/a.ts', "import { b } from '../decision/b.ts';"],
    ['main.ts', "import { b } from './http/b.ts';"],
    ['stats/a.ts', "// import { b } from '../engine/b.ts';"],
    ['stats/a.ts', "const text = `import { b } from '../engine/b.ts'`;"],
  ])('let pass what the table allows: %s, %s', (path, text) => {
    expect(floorViolations(planted(path, text))).toEqual([]);
  });

  test.each([
    ['stats/welch.ts', "import erfc from '@stdlib/math-base-special-erfc';"],
    ['stats/distributions.ts', "import jstat from 'jstat';"],
    ['engine/a.ts', "import { z } from 'zod';"],
    ['runtime/a.ts', "import { z } from 'zod';"],
    ['runtime/a.ts', "import type { z } from 'zod';"],
    ['http/route.ts', "import { z } from 'zod';"],
    ['runtime/sqlite.ts', "import Database from 'better-sqlite3';"],
    ['runtime/sqlite.ts', "import { type Database } from 'better-sqlite3';"],
    ['engine/a.ts', "import type Database from 'better-sqlite3';"],
    ['engine/a.ts', "import { DuckDBInstance } from '@duckdb/node-api';"],
    ['engine/a.ts', "import express from 'express';"],
    ['cli/a.ts', "import helmet from 'helmet';"],
    ['engine/a.ts', "import { pino } from 'pino';"],
    ['sdk/a.ts', "import murmurhash from 'murmurhash';"],
    ['engine/a.ts', "import _ from 'lodash';"],
    ['domain/a.ts', "import { z } from 'zod/v3';\nimport leftPad from 'left-pad';"],
  ])('catch a package in front of its wall: %s, %s', (path, text) => {
    expect(wallViolations(planted(path, text))).toHaveLength(1);
  });

  test.each([
    ['runtime/sqlite.ts', "import type Database from 'better-sqlite3';"],
    ['http/route.ts', "import type { z } from 'zod';"],
    ['http/deep/a.ts', "import express, { type Request } from 'express';"],
    ['stats/distributions.ts', "import erfc from '@stdlib/math-base-special-erfc';"],
  ])('let a package stand behind its wall: %s, %s', (path, text) => {
    expect(wallViolations(planted(path, text))).toEqual([]);
  });

  test('know no wall without a file behind it, but for what is still to come', () => {
    const named = new Set(
      sources.flatMap(({ text }) => importsOf(text).map(({ specifier }) => specifier)),
    );
    const idle = Object.keys(WALLS).filter(
      (name) => ![...named].some((specifier) => specifier.startsWith(name.replace('*', ''))),
    );
    expect(
      idle.filter((name) => !['@clickhouse/client', '@openfeature/server-sdk'].includes(name)),
    ).toEqual([]);
  });

  test.each([
    'const now = Date.now();',
    'const now = new Date();',
    'const now = new Date(0);',
    'const dice = Math.random();',
    'const dice = Math . random();',
    'const home = process.env;',
    'console.log(1);',
    'setTimeout(work, 5);',
    'setInterval(work, 5);',
    'setImmediate(work);',
    "void fetch('/x');",
    'const t = performance.now();',
    'const id = crypto.randomUUID();',
    'const x = globalThis;',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: planted.
    'const text = `at ${Date.now()}`;',
    'const quote = /[\'"]/; const now = Date.now();',
  ])('catch what pure code may not touch: %s', (text) => {
    for (const floor of ['stats', 'domain', 'bucketing', 'decision', 'simulator']) {
      expect(impurities(planted(`${floor}/a.ts`, text)), floor).toHaveLength(1);
    }
    expect(impurities(planted('engine/a.ts', text))).toEqual([]);
  });

  test.each([
    '// Date.now() is for others',
    '/* process.env */',
    "const says = 'no Date.now(), no process';",
    'const update = dateOf(x); const processed = 1; prefetch(x); row.process; a.Date;',
    'const pattern = /process|console/;',
  ])('let pure code speak of what it may not touch: %s', (text) => {
    expect(impurities(planted('stats/a.ts', text))).toEqual([]);
  });

  test('catch a second reader of the environment', () => {
    for (const text of ['process.env.HOME;', "process['env'];", 'const { env } = process;']) {
      expect(environmentReads(planted('engine/a.ts', text)), text).toHaveLength(1);
    }
    expect(environmentReads(planted('runtime/config.ts', 'process.env.HOME;'))).toEqual([]);
    expect(environmentReads(planted('engine/a.ts', "'process.env'; // process.env"))).toEqual([]);
  });

  test('catch dead files, also those that only name each other', () => {
    const found = deadFiles(
      [
        { path: 'main.ts', text: "import './engine/used.ts';" },
        { path: 'engine/used.ts', text: "import type { A } from '../domain/a.ts';" },
        { path: 'domain/a.ts', text: '' },
        { path: 'engine/dead.ts', text: "import { b } from './island.ts';" },
        { path: 'engine/island.ts', text: "import { a } from './dead.ts';" },
      ],
      ENTRIES,
    );
    expect(found).toEqual(['engine/dead.ts', 'engine/island.ts']);
  });

  test('catch zod and Node on their way into the SDK, however long the way', () => {
    const sdk = (text: string): Source[] => [
      { path: 'sdk/index.ts', text: "export { a } from './a.ts';" },
      { path: 'sdk/a.ts', text: "import { b } from '../domain/b.ts';" },
      { path: 'domain/b.ts', text },
      { path: 'domain/c.ts', text: "import { z } from 'zod';\nimport { d } from 'node:fs';" },
    ];
    expect(sdkCargo(sdk("import { c } from './c.ts';"))).toHaveLength(2);
    expect(sdkCargo(sdk("export * from './c.ts';"))).toHaveLength(2);
    expect(sdkCargo(sdk("import { type C } from './c.ts';"))).toHaveLength(2);
    expect(sdkCargo(sdk("import type { C } from './c.ts';"))).toEqual([]);
    expect(sdkCargo(sdk("import murmurhash from 'murmurhash';"))).toEqual([]);
  });

  test('catch a page that asks the store itself', () => {
    const text = "import { findExperiment } from '../../store/experiments.ts';";
    expect(pageReads(planted('http/pages/a.ts', text))).toHaveLength(1);
    expect(pageReads(planted('http/view/a.ts', text))).toHaveLength(1);
    expect(pageReads(planted('http/pages/a.ts', text.replace('import', 'import type')))).toEqual(
      [],
    );
  });

  test.each([
    "db.prepare('select 1 from t');",
    'db.prepare("INSERT INTO t VALUES (1)");',
    'db.exec(`update t set a = 1`);',
    "db.exec('delete from t');",
    'db.exec(`\n  create table t (a)`);',
    "db.exec('insert or ignore into t values (1)');",
    "db.exec('with a as (select 1) select * from a');",
    "db.exec('drop table t');",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: planted.
    'db.exec(`select ${name} from t`);',
  ])('catch SQL in code: %s', (text) => {
    expect(sqlInCode(planted('engine/a.ts', text), [])).toHaveLength(1);
  });

  test('let words that begin like SQL pass, and find listings that nothing needs', () => {
    const text =
      "'selected'; 'with a smile'; 'update it'; '-- select'; // select 1 from t\n'insertEvent'";
    expect(sqlInCode(planted('engine/a.ts', text), [])).toEqual([]);
    expect(sqlInCode([], SQL_IN_CODE)).toHaveLength(SQL_IN_CODE.length);
    const listed = [{ path: 'engine/a.ts', starts: 'select a' }];
    expect(sqlInCode(planted('engine/a.ts', "'select a from t'"), listed)).toEqual([]);
    expect(sqlInCode(planted('engine/b.ts', "'select a from t'"), listed)).toHaveLength(2);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: planted.
    expect(sqlInCode(planted('engine/a.ts', '`select a from ${t}`'), listed)).toHaveLength(2);
  });

  test.each([
    '<p><%- page.name %></p>',
    '<script>alert(1)</script>',
    '<SCRIPT type="module">x</SCRIPT>',
    '<style>p { color: red }</style>',
    '<p style="color: red">',
    '<p onclick="x()">',
    '<p class="a"onmouseover="x()">',
    '<a href="javascript:x()">',
    '<img src="https://elsewhere.example/a.png">',
    '<link href="//elsewhere.example/a.css">',
    '<p class=<%= page.name %>>',
  ])('catch a template that trusts too much: %s', (text) => {
    expect(templateViolations(planted('pages/a.ejs', text))).toHaveLength(1);
  });

  test.each([
    '<%- include(\'../layout/head\') %><p class="<%= page.a %>"><%= page.on %></p>',
    '<% const a = b; for (const one of page.rows) { %><b><%= one.name %></b><% } %>',
    '<script src="/assets/live.js" defer></script>',
    '<a href="/experiments/<%= page.key %>">',
  ])('let an escaping template pass: %s', (text) => {
    expect(templateViolations(planted('pages/a.ejs', text))).toEqual([]);
  });

  test('tell code from comments, strings, templates and regular expressions', () => {
    const { code, uncommented, strings } = readCode(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: to be read.
      "a('b'); // c\nconst d = /e'f/.test(`g ${h('i')} j`) / 2; /* k */ l(\"m\")",
    );
    expect(code.replaceAll(/\s+/g, ' ').trim()).toBe('a( ); const d = .test( h( ) ) / 2; l( )');
    expect(strings).toEqual(['b', 'g ${', 'i', ' j', 'm']);
    expect(uncommented).not.toContain('// c');
    expect(uncommented).not.toContain('k */');
  });

  test('read every kind of import, and tell which ones are erased', () => {
    const text = [
      "import a from 'a';",
      "import type B from 'b';",
      "import c, { type D } from 'c';",
      "import { type E } from 'e';",
      "import type { F } from 'f';",
      "import * as g from 'g';",
      "import 'h';",
      "export * from 'i';",
      "export type { J } from 'j';",
      "export { k } from 'k';",
      "type L = import('l').L;",
      'import {\n  m,\n  type N,\n} from "m";',
      "import type from 'o';",
      "export const p = 'q';",
    ].join('\n');
    expect(
      importsOf(text).map(({ specifier, typeOnly }) =>
        typeOnly ? `type ${specifier}` : specifier,
      ),
    ).toEqual(['a', 'type b', 'c', 'e', 'type f', 'g', 'h', 'i', 'type j', 'k', 'l', 'm', 'o']);
  });
});
