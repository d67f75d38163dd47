import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { AwsV4Signer } from 'aws4fetch';

/** Behaves like one bucket of S3, as far as the adapter speaks to it: checks signatures, pages lists, joins parts. */
export interface FakeS3 {
  readonly endpoint: string;
  /** Makes the next requests fail with status 503. */
  failNext(requests: number): void;
  /** Multipart uploads that were begun, but neither completed nor aborted. */
  openUploads(): number;
  close(): Promise<void>;
}

export const FAKE_S3 = {
  bucket: 'nightshift',
  region: 'eu-test-1',
  accessKeyId: 'id',
  secretAccessKey: 'secret',
} as const;
const KEYS_PER_PAGE = 3;

export async function startFakeS3(): Promise<FakeS3> {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, Map<number, Buffer>>();
  let failures = 0;

  const answer = async (request: IncomingMessage, response: ServerResponse, endpoint: string): Promise<void> => {
    const body = await readAll(request);
    const url = new URL(request.url ?? '', endpoint);
    if (failures > 0) {
      failures -= 1;
      return end(response, 503, '<Error><Code>SlowDown</Code></Error>');
    }
    if (!(await isSigned(request, url))) {
      return end(response, 403, '<Error><Code>SignatureDoesNotMatch</Code><Message>No.</Message></Error>');
    }
    const [, bucket, ...rest] = decodeURIComponent(url.pathname).split('/');
    if (bucket !== FAKE_S3.bucket) return end(response, 404, '<Error><Code>NoSuchBucket</Code></Error>');
    const key = rest.join('/');
    const query = url.searchParams;
    const uploadId = query.get('uploadId');
    const route = `${request.method}${key === '' ? ' bucket' : ''}${query.has('uploads') ? ' uploads' : ''}${uploadId ? ' upload' : ''}`;
    switch (route) {
      case 'GET bucket':
        return end(response, 200, listXml([...objects.keys()], query));
      case 'PUT':
        objects.set(key, body);
        return end(response, 200);
      case 'GET':
      case 'HEAD': {
        const found = objects.get(key);
        if (!found) return end(response, 404, '<Error><Code>NoSuchKey</Code></Error>');
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
        if (from > 0 && from >= found.length) return end(response, 416);
        return end(response, from > 0 ? 206 : 200, found.subarray(from));
      }
      case 'DELETE':
        objects.delete(key);
        return end(response, 204);
      case 'POST uploads': {
        const id = `id&${randomUUID()}`;
        uploads.set(id, new Map());
        return end(response, 200, `<Result><UploadId>${id.replace('&', '&amp;')}</UploadId></Result>`);
      }
      case 'PUT upload': {
        uploads.get(uploadId ?? '')?.set(Number(query.get('partNumber')), body);
        response.setHeader('etag', etagOf(body));
        return end(response, 200);
      }
      case 'POST upload': {
        const parts = uploads.get(uploadId ?? '') ?? new Map<number, Buffer>();
        const numbered = [...parts].sort(([a], [b]) => a - b);
        const expected = numbered.map(
          ([number, part]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etagOf(part)}</ETag></Part>`,
        );
        if (!body.toString().includes(expected.join(''))) {
          return end(response, 200, '<Error><Code>InvalidPart</Code></Error>');
        }
        objects.set(key, Buffer.concat(numbered.map(([, part]) => part)));
        uploads.delete(uploadId ?? '');
        return end(response, 200, '<Result/>');
      }
      case 'DELETE upload':
        uploads.delete(uploadId ?? '');
        return end(response, 204);
      default:
        return end(response, 400, `<Error><Code>NotFaked</Code><Message>${route}</Message></Error>`);
    }
  };

  let endpoint = '';
  const server: Server = createServer((request, response) => {
    answer(request, response, endpoint).catch((error: unknown) => end(response, 500, String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The fake has no port.');
  endpoint = `http://127.0.0.1:${address.port}`;
  return {
    endpoint,
    failNext: (requests) => {
      failures = requests;
    },
    openUploads: () => uploads.size,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Signs the request again with the same date, and compares. */
async function isSigned(request: IncomingMessage, url: URL): Promise<boolean> {
  const signer = new AwsV4Signer({
    ...FAKE_S3,
    service: 's3',
    method: request.method ?? 'GET',
    url: url.toString(),
    headers: { 'x-amz-content-sha256': String(request.headers['x-amz-content-sha256']) },
    datetime: String(request.headers['x-amz-date']),
  });
  return (await signer.authHeader()) === request.headers.authorization;
}

function listXml(keys: readonly string[], query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? '';
  const matching = keys.filter((key) => key.startsWith(prefix) && key > after).sort();
  const page = matching.slice(0, KEYS_PER_PAGE);
  const next = matching.length > page.length ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
  return `<ListBucketResult>${page.map((key) => `<Contents><Key>${key}</Key></Contents>`).join('')}${next}</ListBucketResult>`;
}

function etagOf(part: Buffer): string {
  return `"${createHash('md5').update(part).digest('hex')}"`;
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function end(response: ServerResponse, status: number, body: string | Buffer = ''): void {
  response.statusCode = status;
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(body);
}
