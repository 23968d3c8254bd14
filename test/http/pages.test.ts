/** People: signing in and out, the session's cookie, forged forms, and what guards every page. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sessionOf, startSession } from '../../src/engine/access.ts';
import { latestAnalysis } from '../../src/store/analyses.ts';
import { ADMIN_KEY, type Answer, addUser, openTestApp, type TestApp } from '../support/app.ts';
import { experimentBody, metricBody } from '../support/factories.ts';
import { pointersOf } from '../support/problem.ts';

const PASSWORD = 'correct horse battery staple';
let app: TestApp;
let token: string;
let csrf: string;

beforeAll(async () => {
  app = await openTestApp();
  await addUser(app, 'ada', PASSWORD);
  await app.call('PUT', '/v1/metrics/bookings', metricBody());
  await app.call(
    'PUT',
    '/v1/experiments/ranker',
    experimentBody({ name: 'Is <b>7</b> better & "worth" it?' }),
  );
  await app.call('POST', '/v1/experiments/ranker/start');
});
afterAll(() => app.close());
beforeEach(() => {
  const { token: fresh, session } = startSession(app.platform.store, app.platform.clock, 'ada');
  token = fresh;
  csrf = session.csrf;
});

type Headers = Record<string, string>;
const own = (): Headers => ({ origin: app.url, 'sec-fetch-site': 'same-origin' });
const cookie = (value = token): Headers => ({ cookie: `assay=${value}` });
const get = (path: string, headers: Headers = cookie()) =>
  app.call('GET', path, undefined, { key: null, headers: { accept: 'text/html', ...headers } });
/** A form as a browser sends it. */
async function post(
  path: string,
  fields: Record<string, string>,
  headers: Headers = {},
  of: TestApp = app,
): Promise<Answer> {
  const response = await fetch(of.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: {
      accept: 'text/html',
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    body: new URLSearchParams(fields).toString(),
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}
const isPage = (answer: Answer, status: number) => {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(answer.body).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(answer.body).toContain('</html>');
};
const isSignedIn = (value: string) =>
  sessionOf(app.platform.store, app.platform.clock, value) !== undefined;
const location = (answer: Answer) => [answer.status, answer.headers.get('location')];

describe('signing in', () => {
  test('gives a cookie that no script reads, no other site sends, and no browser keeps', async () => {
    const answer = await post('/sign-in', { name: 'ada', password: PASSWORD }, own());
    expect(location(answer)).toEqual([303, '/experiments']);
    const set = answer.headers.getSetCookie();
    expect(set).toHaveLength(1);
    const [pair = '', ...flags] = (set[0] ?? '').split('; ');
    expect(flags.sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax']);
    const value = pair.replace('assay=', '');
    expect(value).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(isSignedIn(value)).toBe(true);
    isPage(await get('/experiments', cookie(value)), 200);
  });

  test('behind https gives a Secure cookie of this host alone, and asks for https from then on', async () => {
    const secure = await openTestApp({
      environment: { ASSAY_PUBLIC_URL: 'https://assay.example' },
    });
    await addUser(secure, 'ada', PASSWORD);
    const answer = await post(
      '/sign-in',
      { name: 'ada', password: PASSWORD },
      { origin: secure.url },
      secure,
    );
    const [pair = '', ...flags] = (answer.headers.getSetCookie()[0] ?? '').split('; ');
    await secure.close();
    expect(pair).toMatch(/^__Host-assay=/);
    expect(flags.sort()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure']);
    expect(answer.headers.get('strict-transport-security')).toMatch(/max-age=\d{7,}/);
  });

  test('under a session makes a new one and ends the old', async () => {
    const answer = await post(
      '/sign-in',
      { name: 'ada', password: PASSWORD },
      { ...own(), ...cookie() },
    );
    const value =
      (answer.headers.getSetCookie()[0] ?? '').split(';')[0]?.replace('assay=', '') ?? '';
    expect(value).not.toBe(token);
    expect([isSignedIn(token), isSignedIn(value)]).toEqual([false, true]);
  });

  test('fails alike for a wrong password and an unknown name', async () => {
    const answers = await Promise.all([
      post('/sign-in', { name: 'ada', password: 'wrong' }, own()),
      post('/sign-in', { name: 'nobody', password: PASSWORD }, own()),
    ]);
    for (const answer of answers) {
      isPage(answer, 401);
      expect(answer.headers.getSetCookie()).toEqual([]);
      expect(answer.body).toContain('do not belong together');
      expect(answer.body).not.toContain(PASSWORD);
    }
  });

  test('goes where the page was that asked for it, never to another host', async () => {
    const next = async (to: string) =>
      (await post('/sign-in', { name: 'ada', password: PASSWORD, next: to }, own())).headers.get(
        'location',
      );
    const found = await Promise.all(
      ['/experiments/ranker?tab=plan', 'https://evil.example', '/\\evil.example'].map(next),
    );
    expect(found).toEqual(['/experiments/ranker?tab=plan', '/experiments', '/experiments']);
  });

  test('keeps only paths of our own in its form', async () => {
    const shown = async (to: string) =>
      /name="next" value="([^"]*)"/.exec(
        (await get(`/sign-in?next=${encodeURIComponent(to)}`, {})).body,
      )?.[1];
    expect(await shown('/experiments/ranker')).toBe('/experiments/ranker');
    for (const hostile of [
      'https://evil.example',
      'HTTPS:evil.example',
      '//evil.example',
      '///evil.example',
      '/\\evil.example',
      '\\/evil.example',
      '/\n/evil.example',
      '/%0a/evil.example\r\nset-cookie: a=b',
      'javascript:alert(1)',
      'data:text/html,x',
      'evil.example',
      '@evil.example',
      ' /evil',
      '/ /evil.example',
      '/x\\..\\..\\evil',
      '"><script>alert(1)</script>',
      '',
    ]) {
      const value = await shown(hostile);
      expect(value === undefined || value === '/experiments', `${hostile} -> ${value}`).toBe(true);
    }
  });

  test('too often with a wrong password has to wait, whatever address is claimed, and others need not', async () => {
    for (let count = 0; count < 10; count += 1) {
      const answer = await post(
        '/sign-in',
        { name: 'guessed', password: String(count) },
        { ...own(), 'x-forwarded-for': `10.0.0.${count}` },
      );
      expect(answer.status).toBe(401);
    }
    const refused = await post(
      '/sign-in',
      { name: 'guessed', password: '11' },
      { ...own(), 'x-forwarded-for': '10.0.1.1' },
    );
    isPage(refused, 429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await post('/sign-in', { name: 'ada', password: PASSWORD }, own())).status).toBe(303);
  }, 60_000);
});

describe('a form', () => {
  const forged = (): [string, Record<string, string>, Headers][] => [
    ['without a token', {}, own()],
    ['with an empty token', { csrf: '' }, own()],
    [
      'with a token of another session',
      { csrf: startSession(app.platform.store, app.platform.clock, 'ada').session.csrf },
      own(),
    ],
    ['with the session for a token', { csrf: token }, own()],
    [
      'from another site',
      { csrf },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    ],
    [
      'from another site that claims our origin',
      { csrf },
      { origin: app.url, 'sec-fetch-site': 'cross-site' },
    ],
    ['from a sister site', { csrf }, { origin: app.url, 'sec-fetch-site': 'same-site' }],
    ['from another origin', { csrf }, { origin: 'https://evil.example' }],
    ['from another port of this host', { csrf }, { origin: app.url.replace(/\d+$/, '1') }],
    ['from a sandbox', { csrf }, { origin: 'null' }],
    ['from nowhere', { csrf }, {}],
  ];

  test('that was forged changes nothing, however it was forged', async () => {
    const before = latestAnalysis(app.platform.store, 'ranker')?.analysis.id;
    for (const path of ['/sign-out', '/experiments/ranker/analyses']) {
      for (const [how, fields, headers] of forged()) {
        const answer = await post(path, fields, { ...headers, ...cookie() });
        expect(answer.status, `${path} ${how}`).toBe(403);
        expect(isSignedIn(token), `${path} ${how}`).toBe(true);
      }
    }
    expect(latestAnalysis(app.platform.store, 'ranker')?.analysis.id).toBe(before);
  });

  test('as text or JSON is none: its token is not read', async () => {
    for (const type of ['text/plain', 'application/json', 'multipart/form-data; boundary=x']) {
      const body = type === 'application/json' ? JSON.stringify({ csrf }) : `csrf=${csrf}`;
      const response = await fetch(`${app.url}/sign-out`, {
        method: 'POST',
        redirect: 'manual',
        body,
        headers: { 'content-type': type, ...own(), ...cookie() },
      });
      expect(response.status, type).toBe(403);
    }
    expect(isSignedIn(token)).toBe(true);
  });

  test('to sign in from elsewhere is refused, and costs nobody a try', async () => {
    for (const headers of [
      {},
      { origin: 'null' },
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
    ]) {
      for (let count = 0; count < 4; count += 1) {
        const answer = await post('/sign-in', { name: 'locked', password: PASSWORD }, headers);
        expect(answer.status).toBe(403);
        expect(answer.headers.getSetCookie()).toEqual([]);
      }
    }
    expect((await post('/sign-in', { name: 'locked', password: 'wrong' }, own())).status).toBe(401);
  });

  test('of our own, with its token, does what it says', async () => {
    const asked = await post('/experiments/ranker/analyses', { csrf }, { ...own(), ...cookie() });
    expect(location(asked)).toEqual([303, '/experiments/ranker']);
    expect(latestAnalysis(app.platform.store, 'ranker')).toBeDefined();
    const missing = await post('/experiments/nobody/analyses', { csrf }, { ...own(), ...cookie() });
    isPage(missing, 404);
    const out = await post('/sign-out', { csrf }, { origin: app.url, ...cookie() });
    expect(location(out)).toEqual([303, '/sign-in']);
    expect(out.headers.getSetCookie()[0]).toMatch(/^assay=; Path=\/; Expires=Thu, 01 Jan 1970/);
    expect(isSignedIn(token)).toBe(false);
    expect(location(await get('/experiments'))).toEqual([303, '/sign-in?next=%2Fexperiments']);
  });

  test('with too much in it is the mistake of the caller', async () => {
    const fields = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, 'x']));
    isPage(await post('/sign-in', fields, own()), 400);
    isPage(await post('/sign-in', { name: 'x'.repeat(20_000) }, own()), 413);
  });

  test('cannot be sent by GET', async () => {
    for (const path of ['/sign-out', `/sign-out?csrf=${csrf}`, '/experiments/ranker/analyses']) {
      expect((await get(path)).status).toBe(404);
    }
    expect(isSignedIn(token)).toBe(true);
  });
});

describe('pages', () => {
  const PAGES = ['/experiments', '/experiments/ranker', '/metric-definitions', '/models'];

  test('open to a session', async () => {
    for (const path of PAGES) isPage(await get(path), 200);
    expect(location(await get('/'))).toEqual([303, '/experiments']);
    isPage(await get('/experiments/nobody'), 404);
    isPage(await get('/models/nobody'), 404);
    isPage(await get('/nowhere'), 404);
  });

  test('send everybody else to the door, and bring them back', async () => {
    for (const path of [
      ...PAGES,
      '/experiments/nobody',
      '/nowhere',
      '/experiments?q=a%20b&state=draft',
    ]) {
      for (const headers of [
        {},
        cookie(''),
        cookie('x'.repeat(43)),
        cookie(`${token}x`),
        { authorization: `Bearer ${ADMIN_KEY}` },
        { 'x-api-key': ADMIN_KEY },
      ]) {
        expect(location(await get(path, headers)), path).toEqual([
          303,
          `/sign-in?next=${encodeURIComponent(path)}`,
        ]);
      }
    }
    expect((await post('/experiments/ranker/analyses', { csrf }, own())).status).toBe(303);
  });

  test('find their session among other cookies', async () => {
    expect((await get('/experiments', { cookie: `a=b; assay=${token}; c=d=e` })).status).toBe(200);
    expect((await get('/experiments', { cookie: `xassay=${token}` })).status).toBe(303);
  });

  test('print what people wrote as text', async () => {
    const { body } = await get('/experiments/ranker');
    expect(body).not.toContain('<b>7</b>');
    expect(body).toContain('Is &lt;b&gt;7&lt;/b&gt; better &amp; &#34;worth&#34; it?');
  });

  test('open no API: a session is no key', async () => {
    for (const path of [
      '/v1/experiments',
      '/v1/snapshot',
      '/v1/experiments/ranker/analyses/latest',
    ]) {
      pointersOf(
        await app.call('GET', path, undefined, { key: null, headers: cookie() }),
        401,
        'unauthorized',
      );
    }
  });

  test('are HTML when something is wrong, and the API is JSON, whoever asks', async () => {
    isPage(
      await get('/experiments/nobody', {
        ...cookie(),
        accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
      }),
      404,
    );
    isPage(await get('/experiments/%E0%A4%A'), 400);
    for (const accept of ['text/html', '*/*', 'application/json', 'image/png']) {
      pointersOf(
        await app.call('GET', '/v1/nowhere', undefined, { headers: { accept } }),
        404,
        'not_found',
      );
      pointersOf(
        await app.call('GET', '/v1/experiments/%E0', undefined, { headers: { accept } }),
        400,
        'invalid',
      );
      pointersOf(
        await app.call('GET', '/v1', undefined, { headers: { accept } }),
        404,
        'not_found',
      );
    }
    pointersOf(
      await get('/nowhere', { ...cookie(), accept: 'application/json' }),
      404,
      'not_found',
    );
  });

  test('are where they say: no file of ours is reached by a crooked way', async () => {
    for (const path of [
      '/assets/../package.json',
      '/assets/%2e%2e/%2e%2e/package.json',
      '/assets/..%2f..%2fpackage.json',
      '/assets/%2e%2e%5cpages',
      '/assets/.env',
      '/assets/',
      '/assets/%00',
    ]) {
      const answer = await get(path, {});
      expect(answer.status, path).not.toBe(200);
      expect(answer.status, path).toBeLessThan(500);
      expect(answer.body).not.toContain('"dependencies"');
    }
  });
});

describe('every answer', () => {
  const ask = async (): Promise<[string, Answer][]> => [
    ['a page', await get('/experiments')],
    ['the door', await get('/sign-in', {})],
    ['a redirect', await get('/experiments', {})],
    ['a missing page', await get('/nowhere')],
    ['a refused form', await post('/sign-out', {}, cookie())],
    ['the style sheet', await get('/assets/assay.css', {})],
    ['an answer of the API', await app.call('GET', '/v1/experiments')],
    ['a refusal of the API', await app.call('GET', '/v1/experiments', undefined, { key: null })],
    ['a missing address', await app.call('GET', '/v1/nowhere')],
    ['a method not offered', await app.call('PATCH', '/v1/experiments')],
    ['a body that is none', await app.call('POST', '/v1/assign', '{')],
    ['health', await app.call('GET', '/livez')],
    ['the description', await app.call('GET', '/openapi.json')],
  ];

  test('carries the headers that keep a browser out of trouble', async () => {
    for (const [what, { headers }] of await ask()) {
      expect(
        headers
          .get('content-security-policy')
          ?.split(';')
          .map((part) => part.trim())
          .sort(),
        what,
      ).toEqual([
        "base-uri 'none'",
        "connect-src 'self'",
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "script-src 'self'",
        "style-src 'self'",
      ]);
      expect(headers.get('x-content-type-options'), what).toBe('nosniff');
      expect(headers.get('cross-origin-opener-policy'), what).toBe('same-origin');
      expect(['no-referrer', 'same-origin'], what).toContain(headers.get('referrer-policy'));
      expect(headers.get('x-request-id'), what).toMatch(/^[0-9a-f-]{36}$/);
      expect(headers.get('x-powered-by'), what).toBeNull();
      // Over plain http a browser ignores it; it is sent when the public address is https.
      expect(headers.get('strict-transport-security'), what).toBeNull();
      expect(headers.get('access-control-allow-origin'), what).toBeNull();
    }
  });

  test('that is of one person is kept by no store on the way', async () => {
    for (const [what, { headers }] of await ask()) {
      if (['a redirect', 'the style sheet', 'the description'].includes(what)) continue;
      const kept = headers.get('cache-control');
      expect(kept === null || /no-store|no-cache|private/.test(kept), `${what}: ${kept}`).toBe(
        true,
      );
    }
    for (const path of ['/experiments', '/experiments/ranker', '/nowhere']) {
      expect((await get(path)).headers.get('cache-control'), path).toBe('no-store');
    }
  });
});
