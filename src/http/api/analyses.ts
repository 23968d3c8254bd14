/** Analyses: run, kept, read again; the same object that the pages print. */
import { z } from 'zod';
import { analysisRequestSchema, analysisSchema } from '../../domain/analysis.ts';
import { parse } from '../../domain/parse.ts';
import { AppError } from '../../domain/problem.ts';
import type { Platform } from '../../engine/platform.ts';
import { findAnalysis, latestAnalysis, type StoredAnalysis } from '../../store/analyses.ts';
import { findExperiment } from '../../store/experiments.ts';
import type { ApiAnswer, ApiRequest, Route } from '../route.ts';

const includeSchema = z.strictObject({
  include: z.literal('sql', { error: 'must be sql' }).optional(),
});

const ANSWERS = {
  200: { says: 'The stored analysis; with include=sql its statements', schema: analysisSchema },
};

export function analysisRoutes({ analyst, store }: Platform): Route[] {
  const known = (request: ApiRequest): string => {
    const key = request.parameters.key ?? '';
    if (findExperiment(store, key) === undefined) {
      throw new AppError('not_found', `There is no experiment ${key}.`);
    }
    return key;
  };
  return [
    {
      method: 'post',
      path: '/v1/experiments/:key/analyses',
      scope: 'admin',
      summary: 'Analyse everything acknowledged so far, or up to asOf',
      query: includeSchema,
      body: analysisRequestSchema,
      answers: { 201: { says: 'The analysis, stored', schema: analysisSchema } },
      async handle(request) {
        const { asOf, watermark } = parse(analysisRequestSchema, request.body ?? {});
        const stored = await analyst.analyze(known(request), {
          ...(asOf === undefined ? {} : { asOf }),
          ...(watermark === undefined ? {} : { watermark }),
        });
        return answer(request, stored, 201);
      },
    },
    {
      method: 'get',
      path: '/v1/experiments/:key/analyses/latest',
      scope: 'admin',
      summary: 'The latest analysis',
      query: includeSchema,
      answers: ANSWERS,
      handle: (request) => answer(request, latestAnalysis(store, known(request)), 200),
    },
    {
      method: 'get',
      path: '/v1/experiments/:key/analyses/:id',
      scope: 'admin',
      summary: 'One analysis',
      query: includeSchema,
      answers: ANSWERS,
      handle: (request) =>
        answer(request, findAnalysis(store, known(request), request.parameters.id ?? ''), 200),
    },
  ];
}

function answer(
  request: ApiRequest,
  stored: StoredAnalysis | undefined,
  status: number,
): ApiAnswer {
  if (stored === undefined) throw new AppError('not_found', 'There is no such analysis.');
  const { analysis, detail } = stored;
  return {
    status,
    body: request.query.include === 'sql' ? { ...analysis, sql: detail.sql } : analysis,
    ...(status === 201
      ? { headers: { Location: `/v1/experiments/${analysis.experiment}/analyses/${analysis.id}` } }
      : {}),
  };
}
