import { AwsClient } from 'aws4fetch';

import { MINUTE_MS } from '../../domain/durations.ts';
import { NightshiftError } from '../../domain/errors.ts';
import { checkKey, checkPrefix, objectNotFound, type ObjectStore } from '../objectStore.ts';
import { inParts, withoutFirst } from './inParts.ts';
import { textsOf, unescapeXml } from './s3Xml.ts';

export interface S3StoreOptions {
  /** Of the store, without the bucket, e.g. https://s3.eu-north-1.amazonaws.com; the bucket goes into the path. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string | undefined;
  /** Bytes of one part of a multipart upload; S3 takes no less than 5 MiB. */
  readonly partBytes?: number;
  /** Tries after the first one, on network errors, 429 and 5xx. */
  readonly retries?: number;
}

const DEFAULT_PART_BYTES = 8 * 1024 * 1024;
const DEFAULT_RETRIES = 5;
const FIRST_RETRY_REAL_MS = 50;
const ANSWER_TIMEOUT_REAL_MS = MINUTE_MS;

/** Objects in a bucket of any store that speaks S3 with path-style addresses. */
export function createS3Store(options: S3StoreOptions): ObjectStore {
  const request = createRequester(options);
  const partBytes = options.partBytes ?? DEFAULT_PART_BYTES;

  const put = async (key: string, body: Uint8Array | string): Promise<void> => {
    await expectOk(await request('PUT', key, {}, body));
  };

  const getResponse = async (key: string, fromByte = 0): Promise<Response> => {
    const response = await request('GET', key, {}, undefined, fromByte);
    if (response.status === 404) {
      await response.body?.cancel();
      throw objectNotFound(key);
    }
    return fromByte > 0 && response.status === 416 ? response : expectOk(response);
  };

  return {
    put,
    putStream: async (key, body) => {
      checkKey(key);
      const parts = inParts(body, partBytes);
      const first = await parts.next();
      const second = await parts.next();
      if (second.done) {
        await put(key, first.value ?? new Uint8Array());
        return first.value?.byteLength ?? 0;
      }
      return uploadParts(request, key, [first.value ?? new Uint8Array(), second.value], parts);
    },
    get: async (key) => Buffer.from(await (await getResponse(key)).arrayBuffer()),
    getStream: async (key, fromByte = 0) => {
      const { body, status } = await getResponse(key, fromByte);
      // Past the last byte there is nothing to send.
      if (status === 416) {
        await body?.cancel();
        return nothing();
      }
      // Some that speak S3 send the whole object whatever the range.
      return fromByte > 0 && status === 200 ? withoutFirst(body ?? nothing(), fromByte) : (body ?? nothing());
    },
    head: async (key) => {
      const response = await request('HEAD', key);
      if (response.status === 404) return undefined;
      await expectOk(response);
      return { sizeBytes: Number(response.headers.get('content-length')) };
    },
    list: async (prefix) => {
      checkPrefix(prefix);
      const keys: string[] = [];
      let token: string | undefined;
      do {
        const query = { 'list-type': '2', prefix, ...(token && { 'continuation-token': token }) };
        const xml = await (await expectOk(await request('GET', WHOLE_BUCKET, query))).text();
        keys.push(...textsOf(xml, 'Key').map(unescapeXml));
        token = textsOf(xml, 'NextContinuationToken').map(unescapeXml)[0];
      } while (token);
      // S3 sorts by UTF-8 bytes, some that speak S3 do not sort.
      return keys.sort();
    },
    delete: async (key) => {
      const response = await request('DELETE', key);
      if (response.status !== 404) await expectOk(response);
      await response.body?.cancel();
    },
  };
}

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
// Not the empty key: a mistake in a key would then delete or replace the bucket.
const WHOLE_BUCKET = Symbol('bucket');
type Requester = (
  method: Method,
  key: string | typeof WHOLE_BUCKET,
  query?: Readonly<Record<string, string>>,
  body?: Uint8Array | string,
  fromByte?: number,
) => Promise<Response>;

function createRequester(options: S3StoreOptions): Requester {
  const client = new AwsClient({
    accessKeyId: options.accessKeyId,
    secretAccessKey: options.secretAccessKey,
    ...(options.sessionToken === undefined ? {} : { sessionToken: options.sessionToken }),
    region: options.region,
    service: 's3',
    // Its own retries leave out network errors; ours cover both.
    retries: 0,
  });
  const retries = options.retries ?? DEFAULT_RETRIES;

  return async (method, key, query = {}, body, fromByte = 0) => {
    if (key !== WHOLE_BUCKET) checkKey(key);
    const path = key === WHOLE_BUCKET ? '' : `/${key}`;
    const url = new URL(`${options.endpoint.replace(/\/$/, '')}/${options.bucket}${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await attemptOnce(client, url, method, body, fromByte);
      if (outcome instanceof Response && outcome.status !== 429 && outcome.status < 500) return outcome;
      const why = outcome instanceof Response ? `status ${outcome.status}` : outcome.message;
      if (outcome instanceof Response) await outcome.body?.cancel();
      if (attempt >= retries) {
        throw new NightshiftError('unavailable', 'The object store does not answer.', {
          cause: new Error(`${options.endpoint}: ${why}`),
        });
      }
      await new Promise((resolve) => setTimeout(resolve, FIRST_RETRY_REAL_MS * 2 ** attempt * (0.5 + Math.random())));
    }
  };
}

async function attemptOnce(
  client: AwsClient,
  url: URL,
  method: Method,
  body: Uint8Array | string | undefined,
  fromByte: number,
): Promise<Response | Error> {
  // For the headers only: how long a large body takes is for its reader to judge.
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error('no answer in time')), ANSWER_TIMEOUT_REAL_MS);
  try {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    return await client.fetch(url, {
      method,
      signal: silence.signal,
      ...(bytes && { body: bytes }),
      ...(fromByte > 0 && { headers: { range: `bytes=${fromByte}-` } }),
    });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    clearTimeout(timer);
  }
}

/** Uploads the parts as one object; a failure leaves nothing of them. */
async function uploadParts(
  request: Requester,
  key: string,
  first: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): Promise<number> {
  const created = await (await expectOk(await request('POST', key, { uploads: '' }))).text();
  const uploadId = unescapeXml(textsOf(created, 'UploadId')[0] ?? '');
  const etags: string[] = [];
  let sizeBytes = 0;
  const upload = async (part: Uint8Array): Promise<void> => {
    const query = { partNumber: String(etags.length + 1), uploadId };
    const response = await expectOk(await request('PUT', key, query, part));
    etags.push(response.headers.get('etag') ?? '');
    sizeBytes += part.byteLength;
  };
  try {
    for (const part of first) await upload(part);
    for await (const part of rest) await upload(part);
    const listed = etags.map((etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
    const done = await request(
      'POST',
      key,
      { uploadId },
      `<CompleteMultipartUpload>${listed.join('')}</CompleteMultipartUpload>`,
    );
    // S3 may answer 200 and put the error into the body.
    const answer = await (await expectOk(done)).text();
    if (answer.includes('<Error>')) throw refused(200, answer);
    return sizeBytes;
  } catch (error) {
    const aborted = await request('DELETE', key, { uploadId });
    await aborted.body?.cancel();
    throw error;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function expectOk(response: Response): Promise<Response> {
  if (response.ok) return response;
  throw refused(response.status, await response.text());
}

function refused(status: number, xml: string): NightshiftError {
  const [code] = textsOf(xml, 'Code');
  const [message] = textsOf(xml, 'Message');
  return new NightshiftError(
    'internal',
    `The object store refused with status ${status}: ${[code, message].filter(Boolean).join(': ') || 'no reason given'}`,
  );
}
