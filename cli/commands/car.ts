import { Command } from 'commander';

import { NightshiftError } from '../../domain/errors.ts';
import { issueText } from '../../domain/issueText.ts';
import { ownerPolicySchema, type OwnerPolicy } from '../../domain/vehicles.ts';
import type { CarClient } from '../../api/client/carClient.ts';
import type { EnrolmentCodeWire } from '../../api/wire/agents.ts';
import type { CarTrustWire } from '../../api/wire/trust.ts';
import type { VehicleWire } from '../../api/wire/cars.ts';
import { openApi, withApiOptions, type ApiOptions } from '../apiOptions.ts';
import type { CommandFactory } from '../command.ts';
import type { Terminal } from '../terminal.ts';

interface Reached extends ApiOptions {
  readonly json?: true;
}

interface OwnDataOptions {
  readonly allow?: string[];
  readonly terms?: string;
  readonly withdraw?: true;
}

/** Each subcommand calls the API of a running Nightshift, with the operator's key unless another one is given. */
export const carCommand: CommandFactory = (terminal) => {
  const car = new Command('car').description('show cars, say why they do what they do, and set what their owners want');
  const withReach = (name: string, description: string): Command =>
    withApiOptions(car.command(name).description(description)).option('--json', 'print JSON');

  withReach('show', 'what is known of a car; without a VIN, of all that the key may see')
    .argument('[vin]')
    .action(async (vin: string | undefined, options: Reached) => {
      const client = await reach(options);
      const vehicles = vin === undefined ? await client.list() : [await client.show(vin)];
      await print(terminal, vehicles, options);
    });

  withReach('why', 'who holds the car and why, strongest claim first, and how that came about')
    .argument('<vin>')
    .action(async (vin: string, options: Reached) => {
      const why = await (await reach(options)).why(vin);
      const { whyText } = await import('../carText.ts');
      terminal.out(options.json ? asJson(why) : whyText(why, terminal));
    });

  withReach('trust', 'what checks of a car’s answers have come to, and its quarantines')
    .argument('<vin>')
    .action(async (vin: string, options: Reached) => {
      await printTrust(terminal, await (await reach(options)).trust(vin), options);
    });

  withReach('appeal', 'say why a car should not be in quarantine; its operator decides')
    .argument('<vin>')
    .argument('<text>')
    .action(async (vin: string, text: string, options: Reached) => {
      await printTrust(terminal, await (await reach(options)).appeal(vin, text), options);
    });

  withReach('policy', 'print what the owner wants as JSON, or set it from a file of that form')
    .argument('<vin>')
    .option('--set <file>', 'JSON file with the whole policy')
    .action(async (vin: string, options: Reached & { set?: string }) => {
      const client = await reach(options);
      const shown = options.set ? await client.setPolicy(vin, await readPolicy(options.set)) : await client.show(vin);
      terminal.out(asJson(shown.policy));
    });

  withReach('opt-out', 'no compute until the next ready-by, or for good')
    .argument('<vin>')
    .option('--for-good', 'until it is taken back')
    .option('--undo', 'take it back, both for tonight and for good')
    .action(async (vin: string, options: Reached & { forGood?: true; undo?: true }) => {
      const client = await reach(options);
      const { policy, nextReadyByMs } = await client.show(vin);
      const { optOutUntilMs: _, ...rest } = policy;
      const wanted: OwnerPolicy = options.undo
        ? { ...rest, computeOptIn: true }
        : options.forGood
          ? { ...rest, computeOptIn: false }
          : { ...rest, optOutUntilMs: nextReadyByMs };
      await print(terminal, [await client.setPolicy(vin, wanted)], options);
    });

  withReach(
    'own-data',
    'agree that training runs on data sets of the car, which stay in it; without options, print them',
  )
    .argument('<vin>')
    .option('--allow <dataset...>', 'these data sets and no others')
    .option('--terms <version>', 'the terms that the owner has agreed to; needed with --allow')
    .option('--withdraw', 'none any more, from the next round on')
    .action(async (vin: string, options: Reached & OwnDataOptions) => {
      const client = await reach(options);
      const { policy } = await client.show(vin);
      const { ownData: _, ...rest } = policy;
      const { allow, terms, withdraw } = options;
      if (allow && terms === undefined) {
        throw new NightshiftError('invalid_request', '--terms must say what the owner has agreed to.', {
          field: 'terms',
        });
      }
      const ownData = allow && { datasets: allow, termsVersion: terms ?? '', givenAtMs: Date.now() };
      const shown =
        ownData || withdraw ? await client.setPolicy(vin, { ...rest, ...(ownData && { ownData }) }) : { policy };
      terminal.out(asJson(shown.policy.ownData ?? { datasets: [] }));
    });

  withReach('boost', 'charge now, at any price, until the next ready-by')
    .argument('<vin>')
    .option('--undo', 'go back to the plan')
    .action(async (vin: string, options: Reached & { undo?: true }) => {
      const client = await reach(options);
      const { policy, nextReadyByMs } = await client.show(vin);
      const { boostUntilMs: _, ...rest } = policy;
      const wanted = options.undo ? rest : { ...rest, boostUntilMs: nextReadyByMs };
      await print(terminal, [await client.setPolicy(vin, wanted)], options);
    });

  withReach('enrol', 'enrol a car or site node, or change what is known of it; prints the code for its agent')
    .argument('<file>', 'YAML or JSON, as one of `vehicles` in the cell file (docs/cell-file.md)')
    .action(async (file: string, options: Reached) => {
      const { readYamlObject } = await import('../files/readYamlObject.ts');
      const enrolment = await readYamlObject(file);
      printCode(terminal, await (await reach(options)).enrol(enrolment), options);
    });

  withReach('code', 'a new code by which the car’s agent gets its key; the key it had before ends then')
    .argument('<vin>')
    .action(async (vin: string, options: Reached) => {
      printCode(terminal, await (await reach(options)).newCode(vin), options);
    });

  withReach('remove', 'remove a car that is not at its plug; what its owner has earned stays')
    .argument('<vin>')
    .action(async (vin: string, options: Reached) => {
      await (await reach(options)).remove(vin);
      terminal.out(options.json ? asJson({ id: vin, removed: true }) : `${vin} is removed.\n`);
    });

  withReach('owner-key', 'make a key with which an owner reaches their own cars; it is shown this once')
    .argument('<owner>')
    .action(async (owner: string, options: Reached) => {
      terminal.out(`${await (await reach(options)).newOwnerKey(owner)}\n`);
    });
  return car;
};

async function reach(options: Reached): Promise<CarClient> {
  const { CarClient } = await import('../../api/client/carClient.ts');
  return new CarClient(await openApi(options));
}

async function printTrust(terminal: Terminal, trust: CarTrustWire, { json }: Reached): Promise<void> {
  const { carTrustText } = await import('../carTrustText.ts');
  terminal.out(json ? asJson(trust) : carTrustText(trust, terminal));
}

async function print(terminal: Terminal, vehicles: readonly VehicleWire[], { json }: Reached): Promise<void> {
  const { vehicleText } = await import('../carText.ts');
  terminal.out(json ? asJson(vehicles) : vehicles.map((vehicle) => vehicleText(vehicle, terminal)).join('\n'));
}

function printCode(terminal: Terminal, made: EnrolmentCodeWire, { json }: Reached): void {
  const until = new Date(made.expires_at * 1000).toISOString();
  const use = `Once, until ${until}:  nightshift agent enrol --api URL --code ${made.code}`;
  terminal.out(json ? asJson(made) : `${made.car_id} is enrolled. ${use}\n`);
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

async function readPolicy(file: string): Promise<OwnerPolicy> {
  const { readJsonObject } = await import('../files/readJsonObject.ts');
  const parsed = ownerPolicySchema.strict().safeParse(await readJsonObject(file));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new NightshiftError('invalid_request', `${file}: ${field}: ${issueText(issue)}`, { field });
}
