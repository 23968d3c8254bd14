/**
 * The laws of the house as functions: each takes sources and gives back one line a violation, so that the
 * architecture test can hold them against the code and against planted violations alike.
 */

/** A file of `src/`, its path written from there: 'stats/welch.ts'. */
export type Source = { readonly path: string; readonly text: string };

export type Import = {
  readonly specifier: string;
  /** Erased before the program runs: `import type`. An inline `type` still loads the module. */
  readonly typeOnly: boolean;
};

type Floor = {
  /** Folders it stands on. */
  readonly on: readonly string[];
  /** Folders of which it may know the types, and nothing that runs. */
  readonly types?: readonly string[];
  /** Modules of Node it may use; a floor without them runs in a browser too. */
  readonly node?: boolean;
};

/** DESIGN part 4. A folder may import itself and what is named here. */
export const FLOORS: Readonly<Record<string, Floor>> = {
  stats: { on: [] },
  domain: { on: [], types: ['stats'] },
  runtime: { on: ['domain'], node: true },
  bucketing: { on: ['domain'] },
  decision: { on: ['domain', 'stats'] },
  simulator: { on: ['domain', 'stats', 'bucketing'] },
  store: { on: ['domain', 'runtime'], node: true },
  inbox: { on: ['domain', 'runtime'], node: true },
  warehouse: { on: ['domain', 'runtime'], types: ['stats'], node: true },
  sdk: { on: ['domain', 'bucketing'] },
  engine: {
    on: [
      'domain',
      'runtime',
      'stats',
      'bucketing',
      'decision',
      'simulator',
      'store',
      'inbox',
      'warehouse',
    ],
    node: true,
  },
  http: { on: ['domain', 'runtime', 'engine', 'store'], node: true },
  cli: { on: ['domain', 'runtime', 'engine', 'store'], node: true },
};

type Wall = {
  /** Files, or folders ending in '/', in which the package may run. */
  readonly values: readonly string[];
  /** Where its types may be named besides. */
  readonly types?: readonly string[];
};

/** Every package from outside, and the file that walls off its quirks. A package that is not here is refused. */
export const WALLS: Readonly<Record<string, Wall>> = {
  '@stdlib/*': { values: ['stats/distributions.ts'] },
  jstat: { values: ['stats/variates.ts'] },
  murmurhash: { values: ['bucketing/hash.ts'] },
  // The words are zod schemas; http describes its own query strings and turns the words into OpenAPI.
  zod: { values: ['domain/', 'http/api/', 'http/openapi.ts'], types: ['http/route.ts'] },
  'better-sqlite3': { values: ['store/open.ts', 'inbox/open.ts'], types: ['runtime/sqlite.ts'] },
  '@duckdb/node-api': { values: ['warehouse/duckdb.ts'] },
  '@clickhouse/client': { values: ['warehouse/clickhouse.ts'] },
  pino: { values: ['runtime/log.ts'] },
  express: { values: ['http/'] },
  ejs: { values: ['http/'] },
  helmet: { values: ['http/app.ts'] },
  'express-rate-limit': { values: ['http/sessions.ts'] },
  commander: { values: ['cli/program.ts'] },
  'cli-progress': { values: ['cli/'] },
  'csv-parse': { values: ['cli/import.ts'] },
  '@openfeature/server-sdk': { values: ['sdk/openfeature.ts'] },
};

/** What runs first: the program, and the package that ships alone. */
export const ENTRIES: readonly string[] = ['main.ts', 'sdk/index.ts'];

/** SQL that stands in code on purpose: each migration runner's own ledger, and a question asked before it. */
export const SQL_IN_CODE: readonly { readonly path: string; readonly starts: string }[] = [
  { path: 'runtime/sqlite.ts', starts: 'select sqlite_version()' },
  { path: 'runtime/sqlite.ts', starts: 'create table if not exists migrations' },
  { path: 'runtime/sqlite.ts', starts: 'select name, checksum from migrations' },
  { path: 'runtime/sqlite.ts', starts: 'insert into migrations' },
  { path: 'warehouse/duckdb.ts', starts: 'create table if not exists migrations' },
  { path: 'warehouse/duckdb.ts', starts: 'select name, checksum from migrations' },
  { path: 'warehouse/duckdb.ts', starts: 'insert into migrations' },
];

const PURE = ['stats', 'domain', 'bucketing', 'decision', 'simulator'];
const IMPURE =
  /(?<![.\w$])(?:Date\b|process\b|console\b|globalThis\b|performance\b|crypto\b|fetch\s*\(|require\s*\(|setTimeout\b|setInterval\b|setImmediate\b|queueMicrotask\b)|\bMath\s*\.\s*random\b/g;
const SQL_TEXT =
  /^\s*(?:select\s|insert\s+(?:or\s+\w+\s+)?into\s|update\s+\w+\s+set\s|delete\s+from\s|create\s+(?:temp\s+|unique\s+)?(?:table|index|view)\s|alter\s+table\s|drop\s+\w+\s|with\s+\w+\s+as\s)/i;

/** A check that sees no code finds no fault: how many files there must be at least. */
export function tooFewSources(sources: readonly Source[], least: number): string[] {
  return sources.length >= least
    ? []
    : [`only ${sources.length} files were seen, at least ${least} are there`];
}

/** Imports go down only, and only where the table says. */
export function floorViolations(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const floor = floorOf(path);
    if (floor === '.') return []; // The roof wires everything.
    const rule = FLOORS[floor];
    if (rule === undefined) return [`${path}: no floor is declared for this folder`];
    return importsOf(text).flatMap(({ specifier, typeOnly }) => {
      if (specifier.startsWith('node:')) {
        return rule.node === true ? [] : [`${path} -> ${specifier}: this floor knows no machine`];
      }
      if (!specifier.startsWith('.')) return [];
      const to = resolveImport(path, specifier);
      const target = floorOf(to);
      if (target === floor || rule.on.includes(target)) return [];
      if (rule.types?.includes(target) === true) {
        return typeOnly ? [] : [`${path} -> ${to}: types only`];
      }
      return [`${path} -> ${to}`];
    });
  });
}

/** A package is imported where its wall is, and nowhere else. */
export function wallViolations(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) =>
    importsOf(text).flatMap(({ specifier, typeOnly }) => {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) return [];
      const name = packageOf(specifier);
      const wall = WALLS[name] ?? WALLS[`${name.split('/')[0]}/*`];
      if (wall === undefined) return [`${path} -> ${specifier}: this package has no wall`];
      const allowed = typeOnly ? [...wall.values, ...(wall.types ?? [])] : wall.values;
      return allowed.some((place) => isIn(path, place))
        ? []
        : [`${path} -> ${specifier}: only ${allowed.join(', ')} may`];
    }),
  );
}

/** Pure code takes time, chance and seeds as arguments. */
export function impurities(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => PURE.includes(floorOf(path)))
    .flatMap(({ path, text }) =>
      [...readCode(text).code.matchAll(IMPURE)].map((match) => `${path}: ${match[0].trim()}`),
    );
}

/** Only one file reads the environment. */
export function environmentReads(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => path !== 'runtime/config.ts')
    .filter(({ text }) =>
      /\bprocess\s*(?:\.\s*env\b|\[)|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/.test(
        readCode(text).code,
      ),
    )
    .map(({ path }) => `${path}: process.env`);
}

/** A file that no entry leads to. */
export function deadFiles(sources: readonly Source[], entries: readonly string[]): string[] {
  const alive = reachable(sources, entries, () => true).files;
  return sources.map(({ path }) => path).filter((path) => !alive.has(path));
}

/** What the SDK would carry to its users besides its own code: nothing but the hash. */
export function sdkCargo(sources: readonly Source[]): string[] {
  const own = sources.map(({ path }) => path).filter((path) => floorOf(path) === 'sdk');
  const client = own.filter((path) => path !== 'sdk/openfeature.ts');
  const { packages } = reachable(sources, client, ({ typeOnly }) => !typeOnly);
  return [...packages]
    .filter(([specifier]) => specifier !== 'murmurhash')
    .map(([specifier, path]) => `${path} -> ${specifier}: reaches the SDK's users`);
}

/** What pages are made of looks at nothing but what it is given. */
export function pageReads(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => path.startsWith('http/pages/') || path.startsWith('http/view/'))
    .flatMap(({ path, text }) =>
      importsOf(text)
        .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
        .map(({ specifier }) => resolveImport(path, specifier))
        .filter((to) => ['store', 'engine'].includes(floorOf(to)))
        .map((to) => `${path} -> ${to}: pages read what http hands them`),
    );
}

/** SQL stands in sql/, but for what is listed; a listing that nothing needs is a violation as well. */
export function sqlInCode(sources: readonly Source[], listed = SQL_IN_CODE): string[] {
  const used = new Set<(typeof listed)[number]>();
  const found = sources.flatMap(({ path, text }) =>
    readCode(text)
      .strings.filter((literal) => SQL_TEXT.test(literal))
      .flatMap((literal) => {
        const exception = listed.find(
          (entry) =>
            entry.path === path && literal.startsWith(entry.starts) && !literal.includes('${'),
        );
        if (exception === undefined) return [`${path}: ${literal.trim().slice(0, 60)}`];
        used.add(exception);
        return [];
      }),
  );
  const stale = listed.filter((entry) => !used.has(entry));
  return [
    ...found,
    ...stale.map(({ path, starts }) => `${path}: "${starts}" is listed and not there`),
  ];
}

/** A template escapes everything but its includes, and the browser finds no script or style in it. */
export function templateViolations(templates: readonly Source[]): string[] {
  const rules: readonly [RegExp, string][] = [
    [/<%-(?!\s*include\()/, 'prints without escaping'],
    [/<script(?![^>]*\bsrc=)/i, 'inline script'],
    [/<style\b/i, 'inline style sheet'],
    [/\sstyle\s*=/i, 'inline style'],
    [/[\s"']on[a-z]+\s*=/i, 'inline handler'],
    [/\b(?:href|src|action)\s*=\s*["']?\s*javascript:/i, 'script in an address'],
    [/\b(?:src|href)\s*=\s*["']?(?:https?:)?\/\//i, 'loads from another host'],
    [/=\s*<%=/, 'unquoted attribute'],
  ];
  return templates.flatMap(({ path, text }) => {
    // What stands between <% and %> is code: `a = <%= b %>` is judged by what the browser gets.
    const markup = text.replaceAll(/<%(?![-=])[\s\S]*?%>/g, ' ');
    return rules.filter(([rule]) => rule.test(markup)).map(([, says]) => `${path}: ${says}`);
  });
}

/** Value and type imports, re-exports and dynamic imports. */
export function importsOf(text: string): Import[] {
  const { uncommented } = readCode(text);
  const statements =
    /(?:^|[\n;])\s*(?:import|export)\s+(type\s+(?!from\b|,))?(?:[\w*{][^'";]*?\s*from\s*)?['"]([^'"]+)['"]|\bimport\s*\(\s*['"`]([^'"`]+)['"`]/g;
  return [...uncommented.matchAll(statements)].map((match) => ({
    specifier: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
  }));
}

type Code = {
  /** The text with comments and the content of strings blanked. */
  readonly code: string;
  /** The text with comments blanked. */
  readonly uncommented: string;
  readonly strings: readonly string[];
};

/** Tells code, comments, strings and regular expressions of a TypeScript file apart. */
export function readCode(text: string): Code {
  const strings: string[] = [];
  let code = '';
  let uncommented = '';
  let at = 0;
  let significant = '';
  const blank = (part: string) => part.replaceAll(/[^\n]/g, ' ');
  const take = (part: string, kind: 'code' | 'comment' | 'string') => {
    code += kind === 'code' ? part : blank(part);
    uncommented += kind === 'comment' ? blank(part) : part;
    at += part.length;
  };
  const depths: number[] = []; // Open braces of each ${ } we are in.
  const template = () => {
    const part = /^(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{|$)/.exec(text.slice(at))?.[0] ?? '';
    if (part.endsWith('${')) depths.push(0);
    strings[strings.length - 1] += part.replace(/`$/, '');
    take(part, 'string');
    significant = part.endsWith('${') ? '{' : '`';
  };
  while (at < text.length) {
    const rest = text.slice(at, at + 4096);
    const comment = /^(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/)/.exec(
      text.startsWith('/*', at) ? text.slice(at) : rest,
    );
    if (comment !== null) {
      take(comment[0], 'comment');
      continue;
    }
    const quoted = /^(?:'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*")/.exec(rest);
    if (quoted !== null) {
      strings.push(quoted[0].slice(1, -1));
      take(quoted[0], 'string');
      significant = "'";
      continue;
    }
    if (rest.startsWith('`')) {
      strings.push('');
      take('`', 'string');
      template();
      continue;
    }
    const pattern = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/.exec(rest);
    if (
      pattern !== null &&
      /^$|[(,=:[!&|?{};+\-*%<>~^]$|\b(?:return|typeof|case|in|of)$/.test(significant)
    ) {
      take(pattern[0], 'string');
      significant = '/';
      continue;
    }
    const character = rest[0] ?? '';
    const open = depths.at(-1);
    if (open !== undefined && character === '}' && open === 0) {
      depths.pop();
      take('}', 'string');
      strings.push('');
      template();
      continue;
    }
    if (open !== undefined && character === '{') depths[depths.length - 1] = open + 1;
    if (open !== undefined && character === '}') depths[depths.length - 1] = open - 1;
    const word = /^[\w$]+/.exec(rest)?.[0] ?? character;
    take(word, 'code');
    if (word.trim() !== '') significant = word;
  }
  return { code, uncommented, strings };
}

/** Everything that `entries` lead to, and each outside module with the file that names it. */
function reachable(
  sources: readonly Source[],
  entries: readonly string[],
  follows: (found: Import) => boolean,
): { files: ReadonlySet<string>; packages: ReadonlyMap<string, string> } {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const files = new Set<string>();
  const packages = new Map<string, string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    if (source === undefined || files.has(path)) continue;
    files.add(path);
    for (const found of importsOf(source.text).filter(follows)) {
      if (found.specifier.startsWith('.')) waiting.push(resolveImport(path, found.specifier));
      else packages.set(found.specifier, path);
    }
  }
  return { files, packages };
}

/** 'stats/welch.ts' stands on floor 'stats'; 'main.ts' is the roof, written '.'. */
function floorOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : '.';
}

/** ('stats/welch.ts', '../store/open.ts') -> 'store/open.ts'. */
function resolveImport(from: string, specifier: string): string {
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** '@stdlib/a/b' -> '@stdlib/a', 'zod/v4' -> 'zod'. */
function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

function isIn(path: string, place: string): boolean {
  return place.endsWith('/') ? path.startsWith(place) : path === place;
}
