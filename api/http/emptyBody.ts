/** Stands for the body of a request that has none. */
export async function* emptyBody(): AsyncGenerator<Uint8Array> {}
