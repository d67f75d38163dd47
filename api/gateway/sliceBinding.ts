import type { temporal } from '@temporalio/proto';
import { z } from 'zod';
import { parseJson } from '../../domain/json.ts';
import type { CarSliceScope, SliceSigner } from '../../store/sliceAccess.ts';

type Payloads = temporal.api.common.v1.IPayloads;

const argumentSchema = z.looseObject({ access: z.looseObject({ token: z.string() }) });

/**
 * The arguments of a task with its access to a shard signed anew for the car that it is handed to: what is written by it
 * is written in that car's name. An access that is not ours, or has expired, goes on as it is and opens nothing.
 */
export function boundToCar(
  input: Payloads | null | undefined,
  car: CarSliceScope['car'],
  slices: SliceSigner,
): Payloads | null {
  if (!input?.payloads) return input ?? null;
  return {
    payloads: input.payloads.map((payload) => {
      const argument = argumentSchema.safeParse(parseJson(Buffer.from(payload.data ?? []).toString('utf8'))).data;
      const token = argument && tokenFor(car, argument.access.token, slices);
      if (token === undefined) return payload;
      return { ...payload, data: Buffer.from(JSON.stringify({ ...argument, access: { ...argument?.access, token } })) };
    }),
  };
}

function tokenFor(car: CarSliceScope['car'], token: string, slices: SliceSigner): string | undefined {
  try {
    return slices.sign({ ...slices.read(token, car.handedOutRealMs), car });
  } catch {
    return undefined;
  }
}
