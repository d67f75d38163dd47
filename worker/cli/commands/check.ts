import { Command } from 'commander';

import type { CommandFactory } from '../program.ts';

export const checkCommand: CommandFactory = (_terminal, _done) => new Command('check');
