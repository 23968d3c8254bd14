/** Who may do what: keys of programs, people and their sessions, answers kept for repeated requests. */
import type { Store } from './open.ts';

export type Scope = 'client' | 'server' | 'admin';
export type Key = {
  readonly id: string;
  readonly name: string;
  readonly scope: Scope;
  readonly environment: string;
  readonly createdAt: number;
  readonly revokedAt: number | null;
};
export type User = { readonly name: string; readonly password: string; readonly createdAt: number };
export type Session = {
  readonly digest: string;
  readonly user: string;
  readonly csrf: string;
  readonly createdAt: number;
  readonly usedAt: number;
};
export type IdempotentAnswer = {
  readonly requestHash: string;
  readonly status: number;
  readonly body: string;
};

type Row = Readonly<Record<string, unknown>>;

export function readSetting(store: Store, name: string): string | undefined {
  const row = store.statements.get('setting', { name });
  return row === undefined ? undefined : String(row.value);
}

export function saveSetting(store: Store, name: string, value: string): void {
  store.statements.run('saveSetting', { name, value });
}

export function findKey(store: Store, digest: string): Key | undefined {
  const row = store.statements.get('keyByDigest', { digest });
  return row === undefined ? undefined : keyOf(row);
}

export function listKeys(store: Store): Key[] {
  return store.statements.all('keys').map(keyOf);
}

export function saveKey(store: Store, key: Omit<Key, 'revokedAt'>, digest: string): void {
  store.statements.run('saveKey', {
    id: key.id,
    name: key.name,
    scope: key.scope,
    environment: key.environment,
    digest,
    created_at: key.createdAt,
  });
}

export function revokeKey(store: Store, id: string, revokedAt: number): boolean {
  return store.statements.run('revokeKey', { id, revoked_at: revokedAt }).changes === 1;
}

export function findUser(store: Store, name: string): User | undefined {
  const row = store.statements.get('user', { name });
  if (row === undefined) return undefined;
  return {
    name: String(row.name),
    password: String(row.password),
    createdAt: Number(row.created_at),
  };
}

export function countUsers(store: Store): number {
  return Number(store.statements.get('userCount')?.count ?? 0);
}

export function saveUser(store: Store, user: User): void {
  store.statements.run('saveUser', {
    name: user.name,
    password: user.password,
    created_at: user.createdAt,
  });
  store.statements.run('endSessionsOf', { user_name: user.name });
}

export function findSession(store: Store, digest: string): Session | undefined {
  const row = store.statements.get('session', { digest });
  if (row === undefined) return undefined;
  return {
    digest: String(row.digest),
    user: String(row.user_name),
    csrf: String(row.csrf),
    createdAt: Number(row.created_at),
    usedAt: Number(row.used_at),
  };
}

export function saveSession(store: Store, session: Session): void {
  store.statements.run('saveSession', {
    digest: session.digest,
    user_name: session.user,
    csrf: session.csrf,
    created_at: session.createdAt,
    used_at: session.usedAt,
  });
}

export function touchSession(store: Store, digest: string, usedAt: number): void {
  store.statements.run('touchSession', { digest, used_at: usedAt });
}

export function endSession(store: Store, digest: string): void {
  store.statements.run('endSession', { digest });
}

export function endOldSessions(store: Store, before: { created: number; used: number }): void {
  store.statements.run('endOldSessions', {
    created_before: before.created,
    used_before: before.used,
  });
}

export function findIdempotentAnswer(
  store: Store,
  keyId: string,
  idempotencyKey: string,
): IdempotentAnswer | undefined {
  const row = store.statements.get('idempotentAnswer', {
    key_id: keyId,
    idempotency_key: idempotencyKey,
  });
  if (row === undefined) return undefined;
  return {
    requestHash: String(row.request_hash),
    status: Number(row.status),
    body: String(row.body),
  };
}

export function saveIdempotentAnswer(
  store: Store,
  answer: IdempotentAnswer & { keyId: string; idempotencyKey: string; createdAt: number },
): void {
  store.statements.run('saveIdempotentAnswer', {
    key_id: answer.keyId,
    idempotency_key: answer.idempotencyKey,
    request_hash: answer.requestHash,
    status: answer.status,
    body: answer.body,
    created_at: answer.createdAt,
  });
}

export function endOldIdempotentAnswers(store: Store, before: number): void {
  store.statements.run('endOldIdempotentAnswers', { before });
}

function keyOf(row: Row): Key {
  return {
    id: String(row.id),
    name: String(row.name),
    scope: row.scope as Scope,
    environment: String(row.environment),
    createdAt: Number(row.created_at),
    revokedAt: row.revoked_at as number | null,
  };
}
