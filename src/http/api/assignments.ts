/** Which variant serves this unit, and the configuration from which anybody can answer that alone. */
import { assignRequestSchema } from '../../domain/assignment.ts';
import { parse } from '../../domain/parse.ts';
import type { Platform } from '../../engine/platform.ts';
import { isUnchanged, type Route } from '../route.ts';

export function assignmentRoutes({ assigner, snapshots }: Platform): Route[] {
  return [
    {
      method: 'post',
      path: '/v1/assign',
      scope: 'client',
      summary: 'Assign a unit; records the exposure when experiments are named',
      body: assignRequestSchema,
      answers: { 200: { says: '{assignments: [...]}; unknown experiments are left out' } },
      handle(request) {
        const asked = parse(assignRequestSchema, request.body);
        return { status: 200, body: { assignments: assigner.assign(asked, request.key.id) } };
      },
    },
    {
      method: 'get',
      path: '/v1/snapshot',
      scope: 'server',
      summary: 'The compiled configuration for local evaluation',
      answers: { 200: { says: 'The snapshot, with its ETag' }, 304: { says: 'Unchanged' } },
      handle(request) {
        const { etag, json } = snapshots.current();
        const headers = { ETag: etag, 'Cache-Control': 'private, no-cache' };
        return isUnchanged(request, etag)
          ? { status: 304, body: null, headers }
          : { status: 200, body: null, text: json, headers };
      },
    },
  ];
}
