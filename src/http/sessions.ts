/** People: sign-in, the session cookie, and the guard against forged forms. */
import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { AppError } from '../domain/problem.ts';
import { endSession, passwordMatches, sessionOf, startSession } from '../engine/access.ts';
import type { Platform } from '../engine/platform.ts';
import { sha256 } from '../runtime/ids.ts';
import type { Session } from '../store/access.ts';
import type { Frame } from './view/frame.ts';
import { renderPage } from './view/page.ts';
import { signInPage } from './view/sign-in-page.ts';

const PATH_ONLY = /^\/(?![/\\])[^\s\\]*$/;

/** The environment whose data are simulated, and said to be so on every page. */
const SIMULATED_ENVIRONMENT = 'demo';

export type Sessions = {
  /** Reads the cookie; puts the session where `current` finds it. */
  read: RequestHandler;
  /** Sends people without a session to the sign-in page. */
  need: RequestHandler;
  /** Refuses a form that was not made by our own pages for this session. */
  refuseForged: RequestHandler;
  router: Router;
  frameOf(request: Request): Frame;
};

export function openSessions(platform: Platform): Sessions {
  const { store, clock, config, log } = platform;
  const secure = config.publicUrl?.startsWith('https:') === true;
  const cookieName = secure ? '__Host-assay' : 'assay';
  const sessions = new WeakMap<Request, Session>();
  const current = (request: Request): Session | undefined => sessions.get(request);
  const cookie = { httpOnly: true, sameSite: 'lax', secure, path: '/' } as const;

  const read: RequestHandler = (request, _response, next) => {
    const token = cookieOf(request, cookieName);
    const session = token === undefined ? undefined : sessionOf(store, clock, token);
    if (session !== undefined) sessions.set(request, session);
    next();
  };

  const need: RequestHandler = (request, response, next) => {
    if (current(request) !== undefined) next();
    else response.redirect(303, `/sign-in?next=${encodeURIComponent(request.originalUrl)}`);
  };

  const refuseForged: RequestHandler = (request, _response, next) => {
    refuseForeign(request);
    const session = current(request);
    if (session === undefined || request.body?.csrf !== session.csrf) {
      throw new AppError(
        'forbidden',
        'This form was not made by this session. Load the page again.',
      );
    }
    next();
  };

  const frameOf = (request: Request): Frame => ({
    environment: config.environment,
    simulated: config.environment === SIMULATED_ENVIRONMENT,
    user: current(request)?.user ?? null,
    csrf: current(request)?.csrf ?? null,
    path: request.path,
  });

  const showSignIn = (request: Request, response: Response, failed: boolean): void => {
    if (failed) response.status(401);
    renderPage(
      response,
      'sign-in',
      signInPage({
        frame: frameOf(request),
        name: typeof request.body?.name === 'string' ? request.body.name : '',
        next: nextOf(request.query.next ?? request.body?.next),
        error: failed ? 'This name and password do not belong together.' : null,
      }),
    );
  };

  const router = Router();
  const form = express.urlencoded({ extended: false, limit: '10kb', parameterLimit: 10 });
  const tries = rateLimit({
    windowMs: 15 * 60_000,
    limit: 10,
    skipSuccessfulRequests: true,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    // One count an address and name, so that one guesser does not lock out the others behind a proxy.
    keyGenerator: (request) =>
      sha256(`${ipKeyGenerator(request.ip ?? '')}\n${String(request.body?.name)}`),
    handler: () => {
      throw new AppError('rate_limited', 'Too many failed sign-ins. Try again in 15 minutes.', {
        retryAfterSeconds: 900,
      });
    },
  });
  router.get('/sign-in', (request, response) => {
    showSignIn(request, response, false);
  });
  // A forged form is refused before it counts as a try, so that nobody can be locked out by one.
  const ownPagesOnly: RequestHandler = (request, _response, next) => {
    refuseForeign(request);
    next();
  };
  router.post('/sign-in', form, ownPagesOnly, tries, async (request, response) => {
    const name = String(request.body?.name ?? '').slice(0, 200);
    const password = String(request.body?.password ?? '').slice(0, 1000);
    if (!(await passwordMatches(store, name, password))) {
      log.warn('session.refused', { ip: request.ip });
      showSignIn(request, response, true);
      return;
    }
    const before = current(request);
    if (before !== undefined) endSession(store, before.digest);
    const { token } = startSession(store, clock, name);
    log.info('session.started', { user: name });
    response.cookie(cookieName, token, cookie).redirect(303, nextOf(request.body?.next));
  });
  router.post('/sign-out', form, refuseForged, (request, response) => {
    const session = current(request);
    if (session !== undefined) endSession(store, session.digest);
    response.clearCookie(cookieName, cookie).redirect(303, '/sign-in');
  });
  return { read, need, refuseForged, router, frameOf };
}

/** A browser says where a form comes from; one from elsewhere, or that does not say, is refused. */
function refuseForeign(request: Request): void {
  const site = request.get('sec-fetch-site');
  const origin = request.get('origin');
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw foreign();
  if (origin !== undefined && !(origin === 'null' && site !== undefined)) {
    // 'null' is what a strict referrer policy makes of our own pages; then Sec-Fetch-Site has spoken.
    const host = URL.canParse(origin) ? new URL(origin).host : '';
    if (host !== request.get('host')) throw foreign();
  }
  if (site === undefined && origin === undefined) throw foreign();
}

function foreign(): AppError {
  return new AppError('forbidden', 'Forms are taken from our own pages only.');
}

function nextOf(sent: unknown): string {
  return typeof sent === 'string' && PATH_ONLY.test(sent) ? sent : '/experiments';
}

function cookieOf(request: Request, name: string): string | undefined {
  for (const part of (request.get('cookie') ?? '').split(';')) {
    const [key, value] = part.trim().split('=');
    if (key === name) return value;
  }
  return undefined;
}
