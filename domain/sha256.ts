import { z } from 'zod';

/** A hash as it stands in names and manifests. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha256 in lower-case hex');
