/** What a test asks of rendered markup. */
import express from 'express';
import { expect } from 'vitest';
import { type Pages, setUpViews } from '../../src/http/view/page.ts';

const VOID = new Set(['meta', 'link', 'input', 'br', 'hr', 'img', 'col']);

const app = express();
setUpViews(app);

/** Renders a page as the server does, but a template that asks for what the page does not hold fails. */
export function render<Name extends keyof Pages>(name: Name, page: Pages[Name]): Promise<string> {
  return new Promise((resolve, reject) => {
    const locals = Object.fromEntries(
      Object.entries(page).map(([key, part]) => [key, strict(part, key)]),
    );
    app.render(`pages/${name}`, locals, (error: Error | null, html: string) => {
      if (error === null) resolve(html);
      else reject(error);
    });
  });
}

function strict(value: unknown, path: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    get(target, key, receiver) {
      if (typeof key === 'symbol' || key in target) {
        const found: unknown = Reflect.get(target, key, receiver);
        return typeof key === 'symbol' || typeof found === 'function'
          ? found
          : strict(found, `${path}.${key}`);
      }
      throw new Error(`the page has no ${path}.${key}`);
    },
  });
}

/** Everything a page must not hold, whatever the data were. */
export function expectClean(html: string): void {
  const text = textOf(html);
  for (const broken of ['undefined', 'NaN', 'Infinity', '[object', 'function ']) {
    expect(text.includes(broken), `${broken}: ${around(text, broken)}`).toBe(false);
  }
  expect(html).not.toMatch(/>null<|="null"|="undefined"|NaN/);
  expect(text).not.toMatch(/\bsignificant|\bno effect\b(?! (is|can))/i);
  expect(html).not.toMatch(/<script|<img|<iframe|\sstyle=|javascript:/i);
  for (const [tag] of html.matchAll(/<[a-z][^>]*>/gi)) {
    expect(tag.replace(/"[^"]*"/g, '""')).not.toMatch(/\son[a-z]+\s*=/i);
  }
  expect([...html.matchAll(/(?:href|src|action)="(?!\/|#)[^"]*"/g)].map(String)).toEqual([]);
  const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map((match) => match[1]);
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  expect(unbalanced(html)).toBe('');
}

/** The first tag that does not close what was opened; '' when all do. */
function unbalanced(html: string): string {
  const open: string[] = [];
  for (const match of html.matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>/gi)) {
    const name = (match[2] ?? '').toLowerCase();
    if (VOID.has(name) || match[3]?.endsWith('/')) continue;
    if (match[1] === '') open.push(name);
    else if (open.pop() !== name)
      return `${match[0]} at ${html.slice(match.index - 80, match.index)}`;
  }
  return open.join(' ');
}

/** The words a person reads. */
export function textOf(html: string): string {
  return html
    .replace(/<style[\s\S]*?<\/style>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
}

function around(text: string, found: string): string {
  const at = text.indexOf(found);
  return text.slice(Math.max(0, at - 60), at + 60);
}
