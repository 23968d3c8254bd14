/** Statements live in `sql/`: files of `-- name: x` blocks, where `-- include: y` takes in an earlier block. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SQL_DIRECTORY = fileURLToPath(new URL('../../sql', import.meta.url));

export type Migration = { readonly name: string; readonly sql: string };

/** The migrations of a folder such as 'store', in the order of their names. */
export function readMigrations(folder: string): Migration[] {
  const directory = join(SQL_DIRECTORY, folder, 'migrations');
  return readdirSync(directory)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => ({ name: file, sql: readFileSync(join(directory, file), 'utf8') }));
}

/** The named statements of every file directly in a folder. A name used twice is a bug. */
export function readStatements(folder: string): ReadonlyMap<string, string> {
  const directory = join(SQL_DIRECTORY, folder);
  const statements = new Map<string, string>();
  for (const file of readdirSync(directory).sort()) {
    if (!file.endsWith('.sql')) continue;
    for (const [name, sql] of parseStatements(readFileSync(join(directory, file), 'utf8'))) {
      if (statements.has(name)) throw new RangeError(`sql/${folder}: ${name} is defined twice`);
      statements.set(name, sql);
    }
  }
  return new Map([...statements].map(([name, sql]) => [name, withIncludes(sql, statements)]));
}

export function parseStatements(text: string): Map<string, string> {
  const statements = new Map<string, string>();
  for (const block of text.split(/^-- name: /m).slice(1)) {
    const end = block.indexOf('\n');
    const name = block.slice(0, end).trim();
    if (statements.has(name)) throw new RangeError(`${name} is defined twice`);
    statements.set(name, block.slice(end + 1).trim());
  }
  return statements;
}

function withIncludes(sql: string, statements: ReadonlyMap<string, string>): string {
  return sql.replaceAll(/^-- include: (\S+)$/gm, (_line, name: string) => {
    const included = statements.get(name);
    if (included === undefined) throw new RangeError(`-- include: ${name} is not defined`);
    return withIncludes(included, statements);
  });
}
