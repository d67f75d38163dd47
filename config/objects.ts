import type { ConfigValues } from './keys.ts';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

export type ObjectsConfig = (DirectoryObjects | S3Objects) & {
  /** The first one encrypts, all decrypt; undefined: nothing is encrypted. */
  readonly encryptionKeys: ConfigValues['objects.encryptionKeys'];
  /** The API, over which cars reach their slices. */
  readonly carUrl: string;
};

interface DirectoryObjects {
  readonly kind: 'directory';
  readonly path: string;
}

interface S3Objects {
  readonly kind: 's3';
  readonly bucket: string;
  /** Without slashes at its ends; empty for the whole bucket. */
  readonly prefix: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: S3Credentials;
}

interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

/** @throws Error whose message names the key or the variable and the limit */
export function resolveObjects(values: ConfigValues, env: NodeJS.ProcessEnv): ObjectsConfig {
  return {
    ...placeOf(values, env),
    encryptionKeys: values['objects.encryptionKeys'],
    carUrl:
      values['objects.carUrl'] ??
      `${values['api.certificateFile'] === undefined ? 'http' : 'https'}://${values['api.host']}:${values['api.port']}`,
  };
}

function placeOf(values: ConfigValues, env: NodeJS.ProcessEnv): DirectoryObjects | S3Objects {
  const url = values['objects.url'] ?? join(values.stateDir, 'objects');
  if (!url.includes('://')) return { kind: 'directory', path: url };
  if (url.startsWith('file://')) return { kind: 'directory', path: fileURLToPath(url) };

  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(url);
  if (match === null) throw new Error(`objects.url: must be a folder or s3://bucket/prefix, got "${url}"`);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = env;
  if (!accessKeyId || !secretAccessKey) {
    throw new Error('objects.url: an s3:// store needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  }
  const region = values['objects.region'];
  return {
    kind: 's3',
    bucket: match[1] ?? '',
    prefix: (match[2] ?? '').replace(/^\/+|\/+$/g, ''),
    endpoint: values['objects.endpoint'] ?? `https://s3.${region}.amazonaws.com`,
    region,
    credentials: { accessKeyId, secretAccessKey, sessionToken: AWS_SESSION_TOKEN || undefined },
  };
}
