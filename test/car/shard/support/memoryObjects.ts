import { NightshiftError } from '../../../../domain/errors.ts';
import type { ObjectStore } from '../../../../store/objectStore.ts';

/** An object store in memory that can lose its network and tells who waits for it. */
export class MemoryObjects implements Pick<ObjectStore, 'put' | 'putStream' | 'get' | 'getStream' | 'head' | 'list'> {
  readonly bodies = new Map<string, Buffer>();
  readonly puts: string[] = [];
  failedCalls = 0;
  offline = false;

  async put(key: string, body: Uint8Array | string): Promise<void> {
    this.#checkNetwork();
    this.puts.push(key);
    this.bodies.set(key, Buffer.from(body));
  }

  async putStream(key: string, body: AsyncIterable<Uint8Array>): Promise<number> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    await this.put(key, bytes);
    return bytes.byteLength;
  }

  async get(key: string): Promise<Buffer> {
    this.#checkNetwork();
    const body = this.bodies.get(key);
    if (body === undefined) throw new NightshiftError('object_not_found', `Nothing is stored under ${key}.`);
    return body;
  }

  async getStream(key: string, fromByte = 0): Promise<AsyncIterable<Uint8Array>> {
    const body = await this.get(key);
    return (async function* () {
      yield body.subarray(fromByte);
    })();
  }

  async head(key: string): Promise<{ readonly sizeBytes: number } | undefined> {
    this.#checkNetwork();
    const body = this.bodies.get(key);
    return body && { sizeBytes: body.length };
  }

  async list(prefix: string): Promise<string[]> {
    this.#checkNetwork();
    return [...this.bodies.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  #checkNetwork(): void {
    if (!this.offline) return;
    this.failedCalls += 1;
    throw new Error('connect ENETUNREACH');
  }
}
