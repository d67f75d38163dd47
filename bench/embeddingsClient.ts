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
  const startMs = performance.now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let body = texts[next++]; body !== undefined; body = texts[next++]) {
      const answer = await fetch(url, { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(await answer.text());
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return performance.now() - startMs;
}
