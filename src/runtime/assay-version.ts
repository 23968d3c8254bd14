/** The version of this program, as its package says. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const packageFile = fileURLToPath(new URL('../../package.json', import.meta.url));

export const ASSAY_VERSION: string = versionOf(JSON.parse(readFileSync(packageFile, 'utf8')));

function versionOf(description: { version?: unknown }): string {
  if (typeof description.version === 'string') return description.version;
  throw new RangeError(`${packageFile} has no version`);
}
