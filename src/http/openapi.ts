/** The API described from the same table that mounts it. OpenAPI 3.1, JSON Schema 2020-12. */
import { z } from 'zod';
import { ASSAY_VERSION } from '../runtime/assay-version.ts';
import type { Route } from './route.ts';

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'errors', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: { pointer: { type: 'string' }, detail: { type: 'string' } },
      },
    },
    requestId: { type: 'string' },
  },
};

export function openApiOf(routes: readonly Route[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:([a-z]+)/gi, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Assay',
      version: ASSAY_VERSION,
      description:
        'Measures what a machine-learning model is worth to the business, by randomized trial.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  };
}

function operationOf(route: Route): Record<string, unknown> {
  const parameters = [
    ...[...route.path.matchAll(/:([a-z]+)/gi)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...queryParameters(route),
  ];
  return {
    summary: route.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body === undefined ? {} : { requestBody: bodyOf(route, route.body) }),
    ...(route.scope === 'public'
      ? { security: [] }
      : { security: [{ bearer: [] }, { apiKey: [] }], 'x-scope': route.scope }),
    responses: responsesOf(route),
  };
}

function bodyOf(route: Route, body: z.ZodType): Record<string, unknown> {
  return {
    required: true,
    content: {
      'application/json': { schema: schemaOf(body, 'input') },
      ...(route.takesNdjson === true
        ? {
            'application/x-ndjson': { schema: { type: 'string', description: 'one event a line' } },
          }
        : {}),
    },
  };
}

function responsesOf(route: Route): Record<string, unknown> {
  const problem = {
    description: 'A problem, with every mistake at its pointer',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
  const answers = Object.entries(route.answers).map(([status, { says, schema }]) => {
    const json = schema === undefined ? {} : schemaOf(schema, 'output');
    return [
      status,
      status === '304'
        ? { description: says }
        : { description: says, content: { 'application/json': { schema: json } } },
    ];
  });
  return { ...Object.fromEntries(answers), default: problem };
}

function queryParameters(route: Route): Record<string, unknown>[] {
  if (route.query === undefined) return [];
  const { properties = {} } = schemaOf(route.query, 'input') as {
    properties?: Record<string, unknown>;
  };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    cycles: 'ref',
    reused: 'inline',
  }) as Record<string, unknown>;
  return json;
}
