import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { listHardwareClasses } from '../../store/hardwareClasses.ts';
import { addModel } from '../../store/models.ts';
import { enrolVehicle, readVehicle, removeVehicle } from '../../store/vehicles.ts';
import { applyCell } from '../../config/cell/applyCell.ts';
import { cellFileSchema, type CellFile } from '../../config/cell/cellFile.ts';
import { useTestDatabase } from '../support/testDatabase.ts';

const { database } = useTestDatabase();
const DOCS = fileURLToPath(new URL('../../docs/cell-file.md', import.meta.url));

async function documentedCell(): Promise<CellFile> {
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(await readFile(DOCS, 'utf8')) ?? [];
  return cellFileSchema.parse(parse(yaml));
}

describe('the cell file', () => {
  test('is valid as it is documented, and can be applied', async () => {
    const cell = await documentedCell();
    for (const { model } of cell.classSpeeds) {
      await addModel(database, {
        name: model,
        version: '1',
        family: 'general',
        sha256: '0'.repeat(64),
        manifest: {},
        tenantId: null,
      });
    }
    await applyCell(database, cell, 0);
    const [car, node] = cell.vehicles;
    expect(await readVehicle(database, car?.id ?? '')).toMatchObject({ kind: 'car', displayName: car?.displayName });
    expect(await readVehicle(database, node?.id ?? '')).toMatchObject({ kind: 'site_node', batteryKwh: 0 });
    const classes = await listHardwareClasses(database);
    expect(classes.find(({ id }) => id === node?.hardwareClass)).toMatchObject(cell.classes[0] ?? {});
  });

  test('only seeds: what was changed or removed at run time stays so when it is applied again', async () => {
    const cell = await documentedCell();
    const [first, second] = cell.vehicles;
    const enrolled = await readVehicle(database, first?.id ?? '');
    if (!enrolled) throw new Error('the documented car is not enrolled');
    const renamed = { ...cell, vehicles: cell.vehicles.map((each) => ({ ...each, displayName: 'From the file' })) };
    await applyCell(database, renamed, 0);
    expect((await readVehicle(database, enrolled.id))?.displayName).toBe('From the file');

    await enrolVehicle(database, { ...enrolled, displayName: 'Changed at run time' });
    expect(await removeVehicle(database, second?.id ?? '')).toBe(true);
    await applyCell(database, renamed, 0);
    expect((await readVehicle(database, enrolled.id))?.displayName).toBe('Changed at run time');
    expect(await readVehicle(database, second?.id ?? '')).toBeUndefined();
  });

  test.each([
    ['a feeder that is nowhere', { feeder: 'nowhere' }, 'feeder'],
    ['a class that nobody has described', { hardwareClass: 'unheard-of' }, 'hardwareClass'],
  ])('refuses %s, by its field', async (_, change, field) => {
    const cell = await documentedCell();
    const vehicles = cell.vehicles.slice(0, 1).map((vehicle) => ({ ...vehicle, ...change }));
    await expect(applyCell(database, { ...cell, vehicles }, 0)).rejects.toThrow(field);
  });

  test('refuses a car that may compute without its owner’s consent, and a car without a battery', async () => {
    const cell = await documentedCell();
    const [car] = cell.vehicles;
    const refused = (change: object): string =>
      JSON.stringify(cellFileSchema.safeParse({ ...cell, vehicles: [{ ...car, ...change }] }).error?.issues);
    expect(refused({ policy: { ...car?.policy, consent: undefined } })).toContain('"consent"');
    expect(refused({ batteryKwh: undefined })).toContain('"batteryKwh"');
    expect(refused({ id: 'a/+/b' })).toContain('must be 1 to 64 letters');
  });
});
