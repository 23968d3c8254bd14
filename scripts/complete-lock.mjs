/**
 * Completes package-lock.json after an install. npm leaves optional packages of other platforms out of the lock
 * when the registry at hand does not carry them, and `npm ci` then refuses the lock on every machine. They are
 * written back with the platform their names state; test/lock-file.test.ts says when this is needed.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const SYSTEMS = [
  'android',
  'darwin',
  'linux',
  'win32',
  'freebsd',
  'netbsd',
  'openbsd',
  'sunos',
  'aix',
];
const PROCESSORS = [
  'arm64',
  'x64',
  'ia32',
  'arm',
  'ppc64',
  'riscv64',
  's390x',
  'loong64',
  'wasm32',
];

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
const names = Object.keys(lock.packages);
let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (names.some((known) => known.endsWith(`node_modules/${name}`))) continue;
    const parts = name.split('/').at(-1).split('-');
    const system = SYSTEMS.find((known) => parts.includes(known));
    const processor = PROCESSORS.find((known) => parts.includes(known));
    lock.packages[`node_modules/${name}`] = {
      version: version.replace(/^[~^]/, ''),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      ...(system === undefined ? {} : { os: [system] }),
      ...(processor === undefined ? {} : { cpu: [processor] }),
      ...(parts.includes('musl') ? { libc: ['musl'] } : {}),
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} packages of other platforms written back`);
