import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createKey,
  openKeyring,
  passwordMatches,
  sessionOf,
  setPassword,
  startSession,
} from '../../../src/engine/access.ts';
import { handClock } from '../../../src/runtime/clock.ts';
import { readConfig } from '../../../src/runtime/config.ts';
import { revokeKey } from '../../../src/store/access.ts';
import { openStore, type Store } from '../../../src/store/open.ts';
import { DAY, HOUR, START } from '../../support/factories.ts';

let store: Store;
const clock = handClock(START);
const config = (fields: Record<string, string> = {}) =>
  readConfig({ ASSAY_ENVIRONMENT: 'test', ...fields });

beforeEach(() => {
  store = openStore(':memory:');
  clock.turnTo(START);
});
afterEach(() => store.close());

describe('a key', () => {
  test('opens what its scope says, until it is revoked', () => {
    const { key, secret } = createKey(store, config(), clock, 'server', 'search');
    const holderOf = openKeyring(store, config());
    expect(secret).toMatch(/^assay_sv_/);
    expect(holderOf(secret)).toEqual({ id: key.id, scope: 'server' });
    expect(revokeKey(store, key.id, START)).toBe(true);
    expect(holderOf(secret)).toBeUndefined();
    expect(revokeKey(store, key.id, START)).toBe(false);
  });

  test('of another environment is nobody here', () => {
    const { secret } = createKey(
      store,
      config({ ASSAY_ENVIRONMENT: 'staging' }),
      clock,
      'admin',
      'x',
    );
    expect(openKeyring(store, config())(secret)).toBeUndefined();
  });

  test('is stored as a digest only', () => {
    const { secret } = createKey(store, config(), clock, 'admin', 'x');
    expect(JSON.stringify(store.statements.all('keys'))).not.toContain(secret);
    expect(openKeyring(store, config())(secret.slice(0, -1))).toBeUndefined();
    expect(openKeyring(store, config())('')).toBeUndefined();
  });

  test('may be fixed by the environment', () => {
    const fixed = 'f'.repeat(40);
    const holderOf = openKeyring(store, config({ ASSAY_CLIENT_KEY: fixed }));
    expect(holderOf(fixed)).toEqual({ id: 'fixed:client', scope: 'client' });
  });
});

describe('a login', () => {
  test('needs name and password together; an unknown name costs the same work', async () => {
    await setPassword(store, clock, 'ada', 'correct horse');
    expect(await passwordMatches(store, 'ada', 'correct horse')).toBe(true);
    expect(await passwordMatches(store, 'ada', 'correct horsf')).toBe(false);
    expect(await passwordMatches(store, 'nobody', '')).toBe(false);
    expect(JSON.stringify(store.statements.get('user', { name: 'ada' }))).not.toContain('correct');
  });
});

describe('a session', () => {
  beforeEach(() => {
    store.statements.run('saveUser', { name: 'ada', password: 'x', created_at: START });
  });

  test('is known by its token alone, which is not stored', () => {
    const { token, session } = startSession(store, clock, 'ada');
    expect(sessionOf(store, clock, token)).toEqual(session);
    expect(sessionOf(store, clock, `${token}x`)).toBeUndefined();
    expect(sessionOf(store, clock, session.digest)).toBeUndefined();
    expect(JSON.stringify(session)).not.toContain(token);
  });

  test('ends after twelve idle hours', () => {
    const { token } = startSession(store, clock, 'ada');
    clock.turnTo(START + 12 * HOUR);
    expect(sessionOf(store, clock, token)).toBeDefined();
    clock.turnTo(START + 24 * HOUR + 1);
    expect(sessionOf(store, clock, token)).toBeUndefined();
    clock.turnTo(START);
    expect(sessionOf(store, clock, token)).toBeUndefined();
  });

  test('ends after a week, however busy it was', () => {
    const { token } = startSession(store, clock, 'ada');
    for (let hour = 0; hour < 7 * 24; hour += 6) {
      clock.turnTo(START + hour * HOUR);
      expect(sessionOf(store, clock, token), `hour ${hour}`).toBeDefined();
    }
    clock.turnTo(START + 7 * DAY + 1);
    expect(sessionOf(store, clock, token)).toBeUndefined();
  });

  test('ends when the password changes', async () => {
    const { token } = startSession(store, clock, 'ada');
    await setPassword(store, clock, 'ada', 'another');
    expect(sessionOf(store, clock, token)).toBeUndefined();
  });

  test('has a token of its own each time', () => {
    const one = startSession(store, clock, 'ada');
    const two = startSession(store, clock, 'ada');
    expect(one.token).not.toBe(two.token);
    expect(one.session.csrf).not.toBe(two.session.csrf);
  });
});
