import { Command } from 'commander';

import type { ChargerWire } from '../../api/wire/chargers.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import { EXIT_CODES } from '../exitCodes.ts';
import { numberFrom } from '../numberOption.ts';

interface ChargerOptions extends ApiOptions {
  readonly json?: true;
}

interface AddOptions extends ChargerOptions {
  readonly plug: number;
  readonly feeder: string;
  readonly car?: string;
  readonly phases: string;
  readonly maxAmps: number;
  readonly ownComputePlug?: true;
  readonly idToken?: readonly string[];
  readonly newPassword?: true;
}

const PATH = '/fleet/v1/chargers';
const common = (name: string): Command => withApiOptions(new Command(name)).option('--json', 'print JSON');

/** Chargers that connect over OCPP. */
export const chargerCommand: CommandFactory = (terminal, done) => {
  const print = (value: unknown, text: string, { json }: ChargerOptions): void => {
    terminal.out(json ? `${JSON.stringify(value, null, 2)}\n` : text);
    done(EXIT_CODES.ok);
  };
  return new Command('charger')
    .description('add, list and remove chargers that connect over OCPP (docs/charging-control.md)')
    .addCommand(
      common('add')
        .description('add a charger’s plug, or change what is known of it; prints the password of a new charger, once')
        .argument('<id>', 'its charge point identity')
        .requiredOption('--feeder <id>', 'feeder that it draws from')
        .option('--car <id>', 'car that it belongs to; left out: cars that are not enrolled use it')
        .option('--plug <n>', 'which of its plugs: connector in OCPP 1.6, EVSE in 2.0.1', numberFrom(1), 1)
        .option('--phases <n>', '1 or 3', '3')
        .option('--max-amps <amps>', 'per phase', numberFrom(6), 16)
        .option('--own-compute-plug', 'the car’s computer has a plug of its own, which this meter does not see')
        .option('--id-token <tokens...>', 'tokens of the car’s own drivers; left out: everyone is taken for them')
        .option('--new-password', 'give a known charger a new password')
        .action(async (id: string, options: AddOptions) => {
          const body = {
            plug: options.plug,
            feeder: options.feeder,
            car: options.car ?? null,
            phases: Number(options.phases),
            max_amps: options.maxAmps,
            meters_compute: options.ownComputePlug !== true,
            id_tokens: options.idToken ?? [],
            new_password: options.newPassword === true,
          };
          const { newChargerSchema } = await import('../../api/wire/chargers.ts');
          const made = newChargerSchema.parse(
            await (await openApi(options)).json('PUT', `${PATH}/${encodeURIComponent(id)}`, body),
          );
          const password = made.password === null ? '' : `  password ${made.password} (shown this once)\n`;
          print(made, `${line(made)}${password}  it connects to ws://HOST:PORT/ocpp/${made.id}\n`, options);
        }),
    )
    .addCommand(
      common('list')
        .description('list the chargers with what they said last')
        .action(async (options: ChargerOptions) => {
          const { chargersSchema } = await import('../../api/wire/chargers.ts');
          const { chargers } = chargersSchema.parse(await (await openApi(options)).json('GET', PATH));
          print(chargers, chargers.map(line).join(''), options);
        }),
    )
    .addCommand(
      common('remove')
        .description('remove a charger: it may no longer connect')
        .argument('<id>')
        .option('--plug <n>', 'only this plug', numberFrom(1))
        .action(async (id: string, options: ChargerOptions & { plug?: number }) => {
          const query = options.plug === undefined ? '' : `?plug=${options.plug}`;
          const removed = await (await openApi(options)).json('DELETE', `${PATH}/${encodeURIComponent(id)}${query}`);
          print(removed, `${id}${options.plug === undefined ? '' : ` plug ${options.plug}`} is removed.\n`, options);
        }),
    );
};

function line(charger: ChargerWire): string {
  const { id, plug, feeder, car, online, plug_state: state, power_kw: kw, foreign_car: foreign } = charger;
  const at = foreign ? 'a car that is not enrolled' : (car ?? 'any car');
  const power = kw === null ? '' : `, ${kw.toFixed(1)} kW`;
  const charged = `${charger.charging_kwh.toFixed(2)} kWh charged`;
  return `${id} plug ${plug}  ${feeder}  ${at}  ${online ? state : 'not connected'}${power}  ${charged}\n`;
}
