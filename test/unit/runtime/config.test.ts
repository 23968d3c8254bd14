import { describe, expect, test } from 'vitest';
import { AppError } from '../../../src/domain/problem.ts';
import { readConfig, SETTINGS } from '../../../src/runtime/config.ts';

const SECRET = 'a-secret-that-is-too-short';
const LONG = 'k'.repeat(32);

function refusalOf(environment: Record<string, string>): AppError {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('the configuration', () => {
  test('of an empty environment is the documented one', () => {
    expect(readConfig({})).toEqual({
      dataDirectory: './data',
      environment: 'production',
      host: '127.0.0.1',
      port: 4000,
      logLevel: 'info',
      publicUrl: null,
      adminKey: null,
      serverKey: null,
      clientKey: null,
      drainIntervalMs: 500,
      drainBatch: 20_000,
    });
  });

  test('takes what is set, and cannot be changed after', () => {
    const config = readConfig({
      ASSAY_PORT: '0',
      ASSAY_ADMIN_KEY: LONG,
      ASSAY_PUBLIC_URL: 'https://assay.example',
    });
    expect(config).toMatchObject({ port: 0, adminKey: LONG, publicUrl: 'https://assay.example' });
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('treats an empty value as absent', () => {
    expect(readConfig({ ASSAY_PORT: '', ASSAY_ADMIN_KEY: '' })).toMatchObject({
      port: 4000,
      adminKey: null,
    });
  });

  test('leaves the names of others alone', () => {
    expect(() => readConfig({ PATH: '/bin', ASSAYER: 'x', HOME: '/root' })).not.toThrow();
  });

  test('says every mistake at once', () => {
    const refusal = refusalOf({
      ASSAY_PROT: '4000',
      ASSAY_PORT: '70000',
      ASSAY_LOG_LEVEL: 'loud',
      ASSAY_ENVIRONMENT: 'a b',
      ASSAY_DRAIN_BATCH: '0',
      ASSAY_DRAIN_INTERVAL_MS: '1e3',
      ASSAY_PUBLIC_URL: 'ftp://x',
      ASSAY_ADMIN_KEY: SECRET,
    });
    expect(refusal.code).toBe('invalid');
    expect(refusal.problems.map(({ pointer }) => pointer).sort()).toEqual([
      'ASSAY_ADMIN_KEY',
      'ASSAY_DRAIN_BATCH',
      'ASSAY_DRAIN_INTERVAL_MS',
      'ASSAY_ENVIRONMENT',
      'ASSAY_LOG_LEVEL',
      'ASSAY_PORT',
      'ASSAY_PROT',
      'ASSAY_PUBLIC_URL',
    ]);
    for (const { pointer, detail } of refusal.problems) {
      expect(refusal.message).toContain(`${pointer}: ${detail}`);
    }
  });

  test.each([
    ['ASSAY_PROT', 'ASSAY_PORT'],
    ['ASSAY_DATA_DIR', 'ASSAY_DATA'],
    ['ASSAY_LOGLEVEL', 'ASSAY_LOG_LEVEL'],
    ['ASSAY_ADMINKEY', 'ASSAY_ADMIN_KEY'],
    ['ASSAY_constructor', 'ASSAY_'],
    ['ASSAY_', 'ASSAY_'],
  ])('names the setting nearest to %s', (unknown, near) => {
    const [problem] = refusalOf({ [unknown]: 'x' }).problems;
    expect(problem?.pointer).toBe(unknown);
    expect(problem?.detail).toContain(`did you mean ${near}`);
  });

  test('never shows a secret', () => {
    for (const name of ['ASSAY_ADMIN_KEY', 'ASSAY_SERVER_KEY', 'ASSAY_CLIENT_KEY']) {
      for (const bad of [SECRET, `${LONG} with a space`, 'k'.repeat(513)]) {
        const refusal = refusalOf({ [name]: bad });
        expect(refusal.message).toContain('***');
        expect(JSON.stringify([refusal.message, refusal.problems])).not.toContain(bad);
      }
    }
  });

  test('shows what was set when it is no secret', () => {
    expect(refusalOf({ ASSAY_PORT: '-1' }).message).toContain(
      'must be a whole number from 0 to 65535, not "-1"',
    );
  });

  test('marks every key as a secret', () => {
    const keys = Object.entries(SETTINGS).filter(([name]) =>
      /KEY|SECRET|PASSWORD|TOKEN/.test(name),
    );
    expect(keys.length).toBe(3);
    expect(keys.every(([, setting]) => setting.secret === true)).toBe(true);
  });

  test.each([
    ['ASSAY_PORT', ['65536', '-1', '1.5', ' 80', '0x50', 'eighty', '٣']],
    ['ASSAY_PUBLIC_URL', ['assay.example', 'https://', 'https://a/b', 'https://a b']],
    ['ASSAY_HOST', ['a b', '\t']],
  ])('refuses for %s each of %j', (name, values) => {
    for (const value of values)
      expect(refusalOf({ [name]: value }).problems, value).toHaveLength(1);
  });
});
