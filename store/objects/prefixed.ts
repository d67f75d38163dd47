import type { ObjectStore } from '../objectStore.ts';

/** The part of a store below a prefix, as if it were a store of its own. @param prefix without slashes at its ends */
export function below(prefix: string, store: ObjectStore): ObjectStore {
  if (prefix === '') return store;
  const full = (key: string): string => `${prefix}/${key}`;
  return {
    put: (key, body) => store.put(full(key), body),
    putStream: (key, body) => store.putStream(full(key), body),
    get: (key) => store.get(full(key)),
    getStream: (key, fromByte) => store.getStream(full(key), fromByte),
    head: (key) => store.head(full(key)),
    list: async (keyPrefix) => (await store.list(full(keyPrefix))).map((key) => key.slice(prefix.length + 1)),
    delete: (key) => store.delete(full(key)),
  };
}
