import { Command } from 'commander';

import { changesSchema, type ChangeWire } from '../../api/wire/audit.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';

interface AuditOptions extends ApiOptions {
  readonly actor?: string;
  readonly about?: string;
  readonly since?: string;
  readonly json?: true;
}

const PAGE = 500;

/** Who changed what. */
export const auditCommand: CommandFactory = (terminal) =>
  withApiOptions(new Command('audit').description('who changed what, and what became of it'))
    .option('--actor <who>', 'only their changes: key/<id>, owner/<id> or person/<name>')
    .option('--about <text>', 'only changes whose path contains this: a VIN, a region, a batch')
    .option('--since <time>', 'only changes since then, RFC 3339')
    .option('--json', 'print JSON, a line a change')
    .action(async ({ actor, about, since, json, ...options }: AuditOptions) => {
      const api = await openApi(options);
      const { dim, red, yellow } = terminal.colors;
      const asked = new URLSearchParams({
        limit: String(PAGE),
        ...(actor !== undefined && { actor }),
        ...(about !== undefined && { about }),
        ...(since !== undefined && { since }),
      });
      const shown = (status: ChangeWire['status']): string => {
        if (status === null) return yellow('unknown');
        return status < 400 ? `${status}` : red(`${status}`);
      };
      for (let after = 0; ;) {
        asked.set('after', String(after));
        const { changes } = changesSchema.parse(await api.json('GET', `/ops/v1/audit?${asked.toString()}`));
        for (const change of changes) {
          const { at, actor: who, method, path, status, body } = change;
          const sent = body === null ? '' : ` ${dim(JSON.stringify(body))}`;
          terminal.out(
            json
              ? `${JSON.stringify(change)}\n`
              : `${at.slice(0, 19)}Z  ${who}  ${method} ${path}  ${shown(status)}${sent}\n`,
          );
        }
        const last = changes.at(-1);
        if (!last || changes.length < PAGE) return;
        after = last.seq;
      }
    });
