/** `assay keys`: keys of programs, and the login of a person who has lost theirs. */
import { randomBytes } from 'node:crypto';
import { AppError } from '../domain/problem.ts';
import { formatInstant } from '../domain/time.ts';
import { createKey, listKeys, setPassword } from '../engine/access.ts';
import { openControl } from '../engine/platform.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config.ts';
import { revokeKey, type Scope } from '../store/access.ts';
import type { Store } from '../store/open.ts';
import type { Terminal } from './terminal.ts';

type Surroundings = { config: Config; clock: Clock; terminal: Terminal };

export function listAllKeys({ config, terminal }: Surroundings): void {
  withStore(config, (store) => {
    for (const key of listKeys(store)) {
      const state = key.revokedAt === null ? 'active' : `revoked ${formatInstant(key.revokedAt)}`;
      terminal.print(
        [key.id, key.scope.padEnd(6), formatInstant(key.createdAt), state, key.name].join('  '),
      );
    }
  });
}

export function createOneKey(
  { config, clock, terminal }: Surroundings,
  scope: Scope,
  name: string,
): void {
  withStore(config, (store) => {
    const { key, secret } = createKey(store, config, clock, scope, name);
    terminal.note(`Key ${key.id} of scope ${scope}; it is shown once:`);
    terminal.print(secret);
  });
}

export function revokeOneKey({ config, clock, terminal }: Surroundings, id: string): void {
  withStore(config, (store) => {
    if (!revokeKey(store, id, clock.now())) {
      throw new AppError('not_found', `There is no active key ${id}.`);
    }
    terminal.print(`${id} is revoked.`);
  });
}

/** A new password ends every session of that name. */
export async function resetLogin(
  { config, clock, terminal }: Surroundings,
  name: string,
): Promise<void> {
  const store = openControl(config);
  try {
    const password = randomBytes(15).toString('base64url');
    await setPassword(store, clock, name, password);
    terminal.note(`Login ${name}; the password is shown once:`);
    terminal.print(password);
  } finally {
    store.close();
  }
}

function withStore(config: Config, work: (store: Store) => void): void {
  const store = openControl(config);
  try {
    work(store);
  } finally {
    store.close();
  }
}
