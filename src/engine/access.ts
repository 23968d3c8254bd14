/** Keys for programs and logins for people: made here, kept as digests, compared in constant time. */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import type { Config } from '../runtime/config.ts';
import { newId, newSecret, sha256 } from '../runtime/ids.ts';
import {
  countUsers,
  endOldSessions,
  endSession,
  findKey,
  findSession,
  findUser,
  type Key,
  listKeys,
  type Scope,
  type Session,
  saveKey,
  saveSession,
  saveUser,
  touchSession,
} from '../store/access.ts';
import type { Store } from '../store/open.ts';

const SCRYPT = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 } as const;
const HASH_BYTES = 32;
const SESSION_IDLE_MS = 12 * 3_600_000;
const SESSION_LIFE_MS = 7 * 86_400_000;
const PREFIX = { client: 'assay_cl', server: 'assay_sv', admin: 'assay_ad' } as const;

export type FirstAccess = {
  readonly login: { readonly name: string; readonly password: string };
  readonly keys: Readonly<Record<Scope, string>>;
};

/** On the first run of a data directory: one login and one key of each scope, to be shown once. */
export async function createFirstAccess(
  store: Store,
  config: Config,
  clock: Clock,
): Promise<FirstAccess | undefined> {
  if (countUsers(store) > 0) return undefined;
  const password = randomBytes(15).toString('base64url');
  const keys = {
    client: createKey(store, config, clock, 'client', 'first run').secret,
    server: createKey(store, config, clock, 'server', 'first run').secret,
    admin: createKey(store, config, clock, 'admin', 'first run').secret,
  };
  await setPassword(store, clock, 'admin', password);
  return { login: { name: 'admin', password }, keys };
}

export function createKey(
  store: Store,
  config: Config,
  clock: Clock,
  scope: Scope,
  name: string,
): { key: Omit<Key, 'revokedAt'>; secret: string } {
  const secret = newSecret(PREFIX[scope]);
  const key = { id: newId(), name, scope, environment: config.environment, createdAt: clock.now() };
  saveKey(store, key, sha256(secret));
  return { key, secret };
}

export type KeyHolder = Pick<Key, 'id' | 'scope'>;

/** Who sends this key? Undefined when nobody we know, or a key of another environment. */
export function openKeyring(
  store: Store,
  config: Config,
): (secret: string) => KeyHolder | undefined {
  const fixed = new Map<string, KeyHolder>();
  for (const [scope, secret] of [
    ['admin', config.adminKey],
    ['server', config.serverKey],
    ['client', config.clientKey],
  ] as const) {
    if (secret !== null) fixed.set(sha256(secret), { id: `fixed:${scope}`, scope });
  }
  // Secrets have 256 random bits, so looking one up by its digest gives nothing away by its timing.
  return (secret) => {
    const digest = sha256(secret);
    const known = fixed.get(digest);
    if (known !== undefined) return known;
    const key = findKey(store, digest);
    return key?.environment === config.environment ? { id: key.id, scope: key.scope } : undefined;
  };
}

export { listKeys };

export async function setPassword(
  store: Store,
  clock: Clock,
  name: string,
  password: string,
): Promise<void> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt);
  const text = `scrypt$${salt.toString('base64url')}$${hash.toString('base64url')}`;
  store.transaction(() => saveUser(store, { name, password: text, createdAt: clock.now() }));
}

/** The same work and the same answer whether the name is unknown or the password wrong. */
export async function passwordMatches(
  store: Store,
  name: string,
  password: string,
): Promise<boolean> {
  const stored = findUser(store, name)?.password ?? 'scrypt$AAAAAAAAAAAAAAAAAAAAAA$';
  const [, salt = '', hash = ''] = stored.split('$');
  const expected = Buffer.from(hash, 'base64url');
  const derived = await derive(password, Buffer.from(salt, 'base64url'));
  const same = Buffer.alloc(HASH_BYTES);
  expected.copy(same);
  return timingSafeEqual(derived, same) && expected.length === HASH_BYTES;
}

export function startSession(
  store: Store,
  clock: Clock,
  user: string,
): { token: string; session: Session } {
  const now = clock.now();
  endOldSessions(store, { created: now - SESSION_LIFE_MS, used: now - SESSION_IDLE_MS });
  const token = randomBytes(32).toString('base64url');
  const session: Session = {
    digest: sha256(token),
    user,
    csrf: randomBytes(18).toString('base64url'),
    createdAt: now,
    usedAt: now,
  };
  saveSession(store, session);
  return { token, session };
}

/** The session of a cookie, unless it was idle for 12 hours or is a week old. */
export function sessionOf(store: Store, clock: Clock, token: string): Session | undefined {
  const session = findSession(store, sha256(token));
  if (session === undefined) return undefined;
  const now = clock.now();
  if (now - session.usedAt > SESSION_IDLE_MS || now - session.createdAt > SESSION_LIFE_MS) {
    endSession(store, session.digest);
    return undefined;
  }
  if (now - session.usedAt > 60_000) touchSession(store, session.digest, now);
  return session;
}

export { endSession };

let deriving: Promise<unknown> = Promise.resolve();

/** One at a time: a derivation takes 128 MB and most of a second, and must not crowd out assignments. */
function derive(password: string, salt: Buffer): Promise<Buffer> {
  const next = deriving.then(
    () =>
      new Promise<Buffer>((resolve, reject) => {
        scrypt(password, salt, HASH_BYTES, SCRYPT, (error, hash) => {
          if (error === null) resolve(hash);
          else reject(error);
        });
      }),
  );
  deriving = next.catch(() => undefined);
  return next;
}
