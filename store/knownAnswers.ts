import type { Answer } from '../domain/answerLine.ts';
import { columns, type Queryable } from './database.ts';

/** By the hash of the request's body. */
export async function readKnownAnswers(
  database: Queryable,
  modelSha256: string,
  requestHashes: readonly string[],
): Promise<(readonly [string, Answer])[]> {
  const rows = await database.query<{ requestSha256: string; answer: Answer }>(
    `select request_sha256 as "requestSha256", answer from known_answers
     where model_sha256 = $1 and request_sha256 = any($2)`,
    [modelSha256, requestHashes],
  );
  return rows.map(({ requestSha256, answer }) => [requestSha256, answer]);
}

/** What is known already stays as it is. */
export async function addKnownAnswers(
  database: Queryable,
  modelSha256: string,
  answers: ReadonlyMap<string, Answer>,
): Promise<void> {
  await database.query(
    `insert into known_answers (model_sha256, request_sha256, answer)
     select $1, * from unnest($2::text[], $3::jsonb[]) on conflict do nothing`,
    [
      modelSha256,
      ...columns(
        [...answers],
        ([hash]) => hash,
        ([, answer]) => JSON.stringify(answer),
      ),
    ],
  );
}
