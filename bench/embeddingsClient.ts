import { Agent, request } from 'node:http';

/** The caller of bench/embeddings.ts. */
export interface ClientRequest {
  readonly url: string;
  readonly key: string;
  readonly bodies: readonly object[];
  readonly atOnce: number;
}

process.on('message', (request: ClientRequest) => {
  void run(request).then((realMs) => process.send?.(realMs));
});
process.on('disconnect', () => process.exit(0));

async function run({ url, key, bodies, atOnce }: ClientRequest): Promise<number> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const texts = bodies.map((body) => JSON.stringify(body));
  // Not fetch: on a machine of few cores a caller takes from what is measured, and fetch takes three times as much.
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const startMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let body = texts[next++]; body !== undefined; body = texts[next++]) {
      await post(url, agent, { ...headers, 'content-length': String(Buffer.byteLength(body)) }, body);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  agent.destroy();
  return performance.now() - startMs;
}

async function post(url: string, agent: Agent, headers: Record<string, string>, body: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`answered ${answer.statusCode}`));
      answer.resume();
      answer.on('end', resolve);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
