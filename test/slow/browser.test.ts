/**
 * The demo as a person meets it: the command is started, a browser signs in, every page is read in light and
 * dark, wide and narrow, without JavaScript. Screenshots are kept for a critical eye.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const CHROMIUM = '/usr/bin/chromium';
const SCREENSHOTS = join(ROOT, 'test-results', 'screenshots');
const AXE = readFileSync(join(ROOT, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');
const PAGES = {
  experiments: '/experiments',
  experiment: '/experiments/ranker-7-vs-6',
  'experiment-better': '/experiments/pricer-3-vs-2',
  'experiment-aa': '/experiments/aa-search',
  metrics: '/metric-definitions',
  models: '/models',
  model: '/models/ranker',
  'not-found': '/experiments/no-such-experiment',
} as const;
const LOOKS = [
  { name: 'light', scheme: 'light', width: 1280 },
  { name: 'dark', scheme: 'dark', width: 1280 },
  { name: '320', scheme: 'light', width: 320 },
  { name: '320-dark', scheme: 'dark', width: 320 },
] as const;

const installed = existsSync(CHROMIUM);
if (!installed)
  console.log(`skipped: no browser at ${CHROMIUM}; scripts/install-chromium.sh installs it`);

describe.skipIf(!installed)('the demo in a browser', () => {
  let demo: ChildProcess;
  let browser: Browser;
  let output = '';
  let url = '';
  let password = '';

  beforeAll(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    const started = performance.now();
    demo = spawn('node', ['--import', 'tsx', 'src/main.ts', 'demo'], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, ASSAY_PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    demo.stdout?.on('data', (chunk) => {
      output += String(chunk);
    });
    demo.stderr?.on('data', (chunk) => {
      output += String(chunk);
    });
    await until(
      () => /password\s+\S+/.test(output),
      110_000,
      () => output,
    );
    console.log(
      `the demo's address was printed after ${((performance.now() - started) / 1000).toFixed(1)} s`,
    );
    url = /Open\s+(\S+)/.exec(output)?.[1] ?? '';
    password = /password\s+(\S+)/.exec(output)?.[1] ?? '';
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
    });
  });

  afterAll(async () => {
    await browser?.close();
    if (demo !== undefined && demo.exitCode === null) {
      const ended = new Promise((resolve) => demo.once('exit', resolve));
      demo.kill('SIGTERM');
      await ended;
      expect(demo.exitCode).toBe(0);
    }
  });

  test('recovers the truth the simulator knows, and tells the good model from the one that looks good', () => {
    expect(output).toContain('All data are simulated');
    expect(output).toMatch(/ranker-7-vs-6: stop harm/);
    expect(output).toMatch(/pricer-3-vs-2: ship \(challenger\)/);
    expect(output).not.toMatch(/aa-search: (ship|stop harm)/);
    expect(output.match(/inside/g)).toHaveLength(3);
    expect(output).not.toContain('outside');
  });

  test('needs a login, refuses a wrong one in words, and goes where one wanted to go', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${url}/experiments/ranker-7-vs-6`);
    await page.screenshot({ path: join(SCREENSHOTS, 'sign-in-light.png') });
    await signIn(page, 'not the password');
    expect(await page.textContent('[role=alert]')).toContain('do not belong together');
    await signIn(page, password);
    expect(new URL(page.url()).pathname).toBe('/experiments/ranker-7-vs-6');
    await page.click('text=Sign out');
    await page.goto(`${url}/experiments`);
    expect(new URL(page.url()).pathname).toBe('/sign-in');
    await context.close();
  });

  test.each(LOOKS)('reads well: $name', async ({ name, scheme, width }) => {
    const context = await signedIn({ colorScheme: scheme, viewport: { width, height: 900 } });
    const hosts = new Set<string>();
    const complaints: string[] = [];
    for (const [key, path] of Object.entries(PAGES)) {
      const page = await context.newPage();
      page.on('request', (request) => hosts.add(new URL(request.url()).host));
      page.on('console', (message) => {
        if (message.type() === 'error' && !message.text().includes('404'))
          complaints.push(message.text());
      });
      await page.goto(url + path);
      const overflow = await page.evaluate(
        'document.documentElement.scrollWidth - window.innerWidth',
      );
      expect(overflow, `${key} scrolls sideways`).toBeLessThanOrEqual(0);
      const text = (await page.textContent('body')) ?? '';
      expect(text, key).not.toMatch(/undefined|NaN|\[object Object\]/);
      expect(text, key).toContain('All data here is simulated');
      await page.screenshot({ path: join(SCREENSHOTS, `${key}-${name}.png`), fullPage: true });
      if (key === 'experiment') {
        const clip = { x: 0, y: 0, width, height: 1320 };
        await page.screenshot({
          path: join(SCREENSHOTS, `${key}-top-${name}.png`),
          clip,
          fullPage: true,
        });
      }
      await page.close();
    }
    expect([...hosts]).toEqual([new URL(url).host]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test.each(LOOKS)(
    'has no accessibility violation that axe can find: $name',
    async ({ scheme, width }) => {
      const context = await signedIn({
        colorScheme: scheme,
        viewport: { width, height: 900 },
        bypassCSP: true,
      });
      for (const path of Object.values(PAGES)) {
        const page = await context.newPage();
        await page.goto(url + path);
        await page.evaluate(AXE);
        const violations = await page.evaluate(
          `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] })
          .then(({ violations }) => violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target).join(' ')))`,
        );
        expect(violations, path).toEqual([]);
        await page.close();
      }
      await context.close();
    },
  );

  test('shows the same numbers as the API, and analyses again at the press of a button', async () => {
    const context = await signedIn({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${url}/experiments/ranker-7-vs-6`);
    const before = await page.textContent('footer');
    expect(await page.textContent('.verdict-action')).toContain('Stop, harm');
    expect(await page.textContent('body')).toMatch(/MAE improved/);
    await page.click('text=Analyse now');
    expect(new URL(page.url()).pathname).toBe('/experiments/ranker-7-vs-6');
    expect(await page.textContent('footer')).not.toBe(before);
    await page.goto(`${url}/experiments/ranker-7-vs-6/sql`);
    expect(await page.textContent('body')).toContain('first_met');
    await context.close();
  });

  async function signedIn(options: Parameters<Browser['newContext']>[0]): Promise<BrowserContext> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    await page.goto(`${url}/experiments`);
    await signIn(page, password);
    expect(new URL(page.url()).pathname).toBe('/experiments');
    await page.close();
    return context;
  }
});

async function signIn(page: Page, password: string): Promise<void> {
  await page.fill('[name=name]', 'admin');
  await page.fill('[name=password]', password);
  await page.click('button[type=submit]');
  await page.waitForLoadState();
}

async function until(done: () => boolean, limitMs: number, context: () => string): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`waited too long; so far: ${context()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
