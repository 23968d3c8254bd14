/** An address of the API as data: what mounts it, guards it and documents it is one table. */
import type { Express, Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import { BODY_DEPTH_MAX, isShallow } from '../domain/json.ts';
import { parse } from '../domain/parse.ts';
import { AppError } from '../domain/problem.ts';
import type { KeyHolder } from '../engine/access.ts';
import type { Platform } from '../engine/platform.ts';
import { canonicalJson, sha256 } from '../runtime/ids.ts';
import {
  endOldIdempotentAnswers,
  findIdempotentAnswer,
  type Scope,
  saveIdempotentAnswer,
} from '../store/access.ts';

export type ApiRequest = {
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** Whether the body is text with one JSON value a line. */
  readonly isNdjson: boolean;
  readonly key: KeyHolder;
  header(name: string): string | undefined;
};

export type ApiAnswer = {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ready JSON text, for answers that are made once and sent often. */
  readonly text?: string;
};

export type Route = {
  readonly method: 'get' | 'post' | 'put';
  readonly path: string;
  readonly scope: Scope | 'public';
  readonly summary: string;
  readonly query?: z.ZodType<Record<string, unknown>>;
  readonly body?: z.ZodType;
  readonly takesNdjson?: boolean;
  readonly answers: Readonly<
    Record<number, { readonly says: string; readonly schema?: z.ZodType }>
  >;
  handle(request: ApiRequest): ApiAnswer | Promise<ApiAnswer>;
};

const RANK: Readonly<Record<Scope, number>> = { client: 1, server: 2, admin: 3 };
const IDEMPOTENCY_MS = 24 * 3_600_000;
const NOBODY: KeyHolder = { id: 'public', scope: 'client' };

export function mount(
  app: Express,
  routes: readonly Route[],
  options: {
    platform: Platform;
    holderOf(secret: string): KeyHolder | undefined;
    /** What turns a body into a value. They come after the key: strangers make us read nothing. */
    readers: readonly RequestHandler[];
  },
): void {
  const { platform, holderOf, readers } = options;
  const running: Running = new Map();
  const paths = new Map<string, Route[]>();
  for (const route of routes) paths.set(route.path, [...(paths.get(route.path) ?? []), route]);
  for (const [path, here] of paths) {
    for (const route of here) {
      const before = [guardOf(route, holderOf), ...(route.method === 'get' ? [] : readers)];
      app[route.method](path, ...before, handlerOf(route, platform, running));
    }
    app.all(path, (request) => {
      const allowed = here.map((route) => route.method.toUpperCase()).join(', ');
      request.res?.set('Allow', allowed);
      throw new AppError(
        'method_not_allowed',
        `${request.method} is not offered here; ${allowed} is.`,
      );
    });
  }
}

function guardOf(
  route: Route,
  holderOf: (secret: string) => KeyHolder | undefined,
): RequestHandler {
  return (request, response, next) => {
    response.locals.key =
      route.scope === 'public' ? NOBODY : allowed(request, route.scope, holderOf);
    next();
  };
}

function handlerOf(route: Route, platform: Platform, running: Running): RequestHandler {
  return async (request, response) => {
    if (route.method !== 'get') {
      refuseUnknownMedia(request, route);
      refuseDeep(request, route);
    }
    const asked: ApiRequest = {
      parameters: request.params as Record<string, string>,
      query: queryOf(route, request),
      body: request.body,
      isNdjson: isNdjson(request),
      key: response.locals.key as KeyHolder,
      header: (name) => request.get(name),
    };
    const answer = await once(route, platform, asked, { request, response, running });
    send(response, answer);
  };
}

function allowed(
  request: Request,
  scope: Scope,
  holderOf: (secret: string) => KeyHolder | undefined,
): KeyHolder {
  const secret = secretOf(request);
  if (secret === undefined) {
    throw new AppError(
      'unauthorized',
      'Send a key as Authorization: Bearer KEY or X-API-Key: KEY.',
    );
  }
  const key = holderOf(secret);
  if (key === undefined) {
    throw new AppError('unauthorized', 'This key is unknown, revoked, or of another environment.');
  }
  if (RANK[key.scope] < RANK[scope]) {
    throw new AppError(
      'forbidden',
      `This needs a key of scope ${scope}; the one sent is ${key.scope}.`,
    );
  }
  return key;
}

function secretOf(request: Request): string | undefined {
  const bearer = /^Bearer (\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
  return bearer ?? request.get('x-api-key');
}

function refuseUnknownMedia(request: Request, route: Route): void {
  const unread = request.body === undefined;
  const sent = Number(request.get('content-length') ?? 0) > 0 || request.get('transfer-encoding');
  if (unread ? !sent : route.takesNdjson === true || !isNdjson(request)) return;
  const known =
    route.takesNdjson === true ? 'application/json or application/x-ndjson' : 'application/json';
  throw new AppError('unsupported_media_type', `Send ${known}.`);
}

function isNdjson(request: Request): boolean {
  return request.is('application/x-ndjson') === 'application/x-ndjson';
}

/** Events are judged one by one; any other body that nests without end has one answer. */
function refuseDeep(request: Request, route: Route): void {
  if (route.takesNdjson === true || isShallow(request.body, BODY_DEPTH_MAX)) return;
  throw new AppError('invalid', `The body is nested deeper than ${BODY_DEPTH_MAX} levels.`);
}

function queryOf(route: Route, request: Request): Readonly<Record<string, unknown>> {
  if (route.query !== undefined) return parse(route.query, { ...request.query }, ['?']);
  const names = Object.keys(request.query);
  if (names.length === 0) return {};
  throw new AppError('invalid', `Unknown option: ${names.join(', ')}.`, {
    problems: names.map((name) => ({ pointer: `/?/${name}`, detail: 'unknown option' })),
  });
}

/** Keyed requests that are being handled now, until their answer is kept. */
type Running = Map<string, Promise<unknown>>;

/** A POST with an Idempotency-Key is done once in 24 hours; its repetition gets the same answer. */
async function once(
  route: Route,
  platform: Platform,
  asked: ApiRequest,
  { request, response, running }: { request: Request; response: Response; running: Running },
): Promise<ApiAnswer> {
  const idempotencyKey = route.method === 'post' ? asked.header('idempotency-key') : undefined;
  if (idempotencyKey === undefined) return route.handle(asked);
  if (!/^[\x21-\x7e]{1,255}$/.test(idempotencyKey)) {
    throw new AppError('invalid', 'Idempotency-Key must be 1 to 255 visible ASCII characters.');
  }
  if (!isShallow(asked.body, BODY_DEPTH_MAX)) {
    throw new AppError('invalid', `The body is nested deeper than ${BODY_DEPTH_MAX} levels.`);
  }
  const { store, clock } = platform;
  const requestHash = sha256(
    canonicalJson([request.method, request.originalUrl, asked.body ?? null]),
  );
  const slot = `${asked.key.id}\n${idempotencyKey}`;
  // A repetition that comes while the first is still at it waits for that answer.
  while (running.has(slot)) await running.get(slot);
  endOldIdempotentAnswers(store, clock.now() - IDEMPOTENCY_MS);
  const before = findIdempotentAnswer(store, asked.key.id, idempotencyKey);
  if (before !== undefined) {
    if (before.requestHash !== requestHash) {
      throw new AppError(
        'idempotency_mismatch',
        'The same Idempotency-Key came with another request.',
      );
    }
    response.set('Idempotency-Replayed', 'true');
    return { status: before.status, body: undefined, text: before.body };
  }
  const handled = Promise.resolve().then(() => route.handle(asked));
  const kept = handled.then((answer) => {
    saveIdempotentAnswer(store, {
      keyId: asked.key.id,
      idempotencyKey,
      requestHash,
      status: answer.status,
      body: answer.text ?? JSON.stringify(answer.body),
      createdAt: clock.now(),
    });
    return answer;
  });
  running.set(
    slot,
    kept.catch(() => undefined),
  );
  try {
    return await kept;
  } finally {
    running.delete(slot);
  }
}

function send(response: Response, answer: ApiAnswer): void {
  response.status(answer.status).set({ 'Cache-Control': 'no-store', ...answer.headers });
  if (answer.status === 304) {
    response.end();
    return;
  }
  response.type('application/json').send(answer.text ?? JSON.stringify(answer.body));
}

/** A strong tag of what is answered. */
export function etagOf(body: unknown): string {
  return `"${sha256(canonicalJson(body)).slice(0, 32)}"`;
}

/** Has the caller this very state already? If-None-Match compares weakly (RFC 9110, 13.1.2). */
export function isUnchanged(request: ApiRequest, etag: string): boolean {
  const known = request.header('if-none-match');
  if (known === undefined) return false;
  return known
    .split(',')
    .some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}

/** RFC 9110 preconditions of a PUT: If-Match must name the present state, If-None-Match: * that there is none. */
export function refuseStale(request: ApiRequest, current: unknown): void {
  const match = request.header('if-match');
  const noneMatch = request.header('if-none-match');
  if (noneMatch !== undefined && noneMatch !== '*') {
    throw new AppError('invalid', 'If-None-Match of a PUT can only be *.');
  }
  if (noneMatch === '*' && current !== undefined) {
    throw new AppError('already_exists', 'If-None-Match: * was sent, and it exists.');
  }
  if (match === undefined) return;
  const tags = match.split(',').map((tag) => tag.trim());
  const fresh = current !== undefined && (tags.includes('*') || tags.includes(etagOf(current)));
  if (!fresh)
    throw new AppError('stale', 'If-Match does not name the present state: read it again.');
}
