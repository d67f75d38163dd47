import { z } from '@hono/zod-openapi';

import { NightshiftError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/names.ts';
import { itemsOf, responseOfItem, type ResponseInputItem, type ResponseRequest } from '../../domain/responses.ts';
import { insertFile, readFile, type StoredFile } from '../../store/files.ts';
import { LIFE_SECONDS, QUOTA_RETRY_SECONDS, spareBytesOf } from './fileUpload.ts';
import type { ApiPorts } from './ports.ts';

/** Stored responses are files of their own purpose: they expire like them, and count in the tenant's quota. */
const PURPOSE = 'response';

const storedSchema = z.object({
  /** The whole conversation that was answered, without instructions. */
  items: z.array(z.looseObject({ type: z.string().optional(), id: z.string().nullish() })),
  response: z.looseObject({ id: z.string(), output: z.array(z.looseObject({ id: z.string() })) }),
});
export type StoredResponse = z.output<typeof storedSchema>;

type Ports = Pick<ApiPorts, 'database' | 'objects'>;

/** @throws NightshiftError `not_found` for one that is none of the tenant's, or has expired */
export async function readStoredResponse(ports: Ports, tenantId: string, id: string): Promise<StoredResponse> {
  const { objectKey } = await fileOfResponse(ports, tenantId, id);
  return storedSchema.parse(JSON.parse((await ports.objects.get(objectKey)).toString('utf8')));
}

/** The file that holds the response. @throws NightshiftError `not_found` */
export async function fileOfResponse({ database }: Ports, tenantId: string, id: string): Promise<StoredFile> {
  const file = await readFile(database, id);
  if (file?.tenantId === tenantId && file.purpose === PURPOSE) return file;
  throw new NightshiftError('not_found', `There is no stored response "${id}".`, { field: 'id' });
}

/**
 * Whether the tenant's quota leaves room for the conversation; asked before anything is computed.
 * @param isAsked explicitly, by `store: true`: it is then refused, else answered without being stored
 * @throws NightshiftError `quota_exceeded`
 */
export async function mayStore(
  { database }: Ports,
  tenantId: string,
  items: readonly ResponseInputItem[],
  isAsked: boolean,
): Promise<boolean> {
  const spareBytes = await spareBytesOf(database, tenantId);
  if (spareBytes === Number.POSITIVE_INFINITY || Buffer.byteLength(JSON.stringify(items)) < spareBytes) return true;
  if (!isAsked) return false;
  const message =
    'The conversation is larger than what the tenant may still store: send store: false, or delete files.';
  throw new NightshiftError('quota_exceeded', message, { field: 'store', retryAfterSeconds: QUOTA_RETRY_SECONDS });
}

/** Keeps a response for as long as a file is kept. */
export async function storeResponse(
  { database, objects }: Ports,
  tenantId: string,
  stored: { readonly items: readonly ResponseInputItem[]; readonly response: { readonly id: string } },
): Promise<void> {
  const { id } = stored.response;
  const body = Buffer.from(JSON.stringify(stored));
  const objectKey = objectKeys.file(id);
  await objects.put(objectKey, body);
  await insertFile(database, {
    id,
    filename: `${id}.json`,
    purpose: PURPOSE,
    bytes: body.byteLength,
    objectKey,
    tenantId,
    lifeSeconds: LIFE_SECONDS.max,
  });
}

/**
 * What a request says, with all that it only refers to: the conversation before it, and items by their ids.
 * @throws NightshiftError `invalid_request` naming what is not stored
 */
export async function conversationOf(
  ports: Ports,
  tenantId: string,
  { input, previous_response_id: previous }: Pick<ResponseRequest, 'input' | 'previous_response_id'>,
): Promise<readonly ResponseInputItem[]> {
  const items: unknown[] = [];
  const known = new Map<string, Promise<StoredResponse>>();
  const stored = (id: string, field: string): Promise<StoredResponse> => {
    const found =
      known.get(id) ?? readStoredResponse(ports, tenantId, id).catch(() => Promise.reject(notStored(id, field)));
    known.set(id, found);
    return found;
  };
  if (previous != null) {
    const { items: before, response } = await stored(previous, 'previous_response_id');
    items.push(...before, ...response.output);
  }
  for (const [index, item] of itemsOf(input).entries()) {
    if (item.type !== 'item_reference') items.push(item);
    else {
      const field = `input.${index}.id`;
      const { response } = await stored(responseOfItem(item.id) ?? item.id, field);
      const referred = response.output.find(({ id }) => id === item.id);
      if (!referred) throw notStored(item.id, field);
      items.push(referred);
    }
  }
  // Checked again by the engine, as one request.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return items as ResponseInputItem[];
}

function notStored(id: string, field: string): NightshiftError {
  const message = `${field}: "${id.slice(0, 60)}" is not stored; send the conversation itself in input.`;
  return new NightshiftError('invalid_request', message, { field });
}
