import { z } from '@hono/zod-openapi';

const version = z.number().int().min(0);
const failed = z.array(z.number().int().min(1)).max(100);

/** What an agent says of the releases that it has had. */
export const agentStateSchema = z
  .strictObject({
    version: version.meta({ description: 'That runs; 0: its installation, without a release.' }),
    failed: failed.meta({ description: 'That were tried and did not prove themselves.' }),
    refused: z
      .number()
      .int()
      .min(1)
      .nullable()
      .meta({ description: 'That it may not use: unsigned, tampered with, older or expired.' }),
  })
  .openapi('AgentState');

export const wantedReleaseSchema = z
  .object({
    wanted: z.number().int().nullable().meta({ description: 'That the agent should run; null: the one that it runs.' }),
  })
  .openapi('WantedRelease');

export const publishedReleaseSchema = z
  .object({
    version,
    published: z.boolean().meta({ description: 'Every file is there: it can be rolled out.' }),
    missing: z.array(z.string()).meta({ description: 'sha256 of files that are still to be sent.' }),
  })
  .openapi('PublishedRelease');

export const agentReleasesSchema = z
  .object({
    releases: z
      .array(
        z.object({
          version,
          name: z.string(),
          expires_at: z.string(),
          files: z.number().int(),
          bytes: z.number().int(),
          published: z.boolean(),
          cars: z.number().int().meta({ description: 'That run it.' }),
        }),
      )
      .meta({ description: 'Newest first.' }),
    cars: z.array(
      z.object({
        car_id: z.string(),
        version,
        ordered: z.number().int().nullable(),
        failed,
        refused: z.number().int().nullable(),
        told_at: z.string().meta({ description: 'Real time of the agent’s last word.' }),
      }),
    ),
  })
  .openapi('AgentReleases');
export type AgentReleasesWire = z.output<typeof agentReleasesSchema>;
