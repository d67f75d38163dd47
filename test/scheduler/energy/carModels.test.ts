import { expect, test } from 'vitest';
import { HARDWARE_CLASSES } from '../../../domain/hardwareClasses.ts';
import {
  CAR_MODELS,
  chargeFromCelsiusOf,
  packOf,
  type CarModel,
  type CarModelName,
} from '../../../scheduler/energy/carModels.ts';
import { ENERGY_PARAMETERS } from '../../../scheduler/energy/parameters.ts';

const MODELS = Object.entries<CarModel>(CAR_MODELS);

test('every figure of cars, computers and physics says where it comes from', () => {
  const figures = [
    ...MODELS.flatMap(([, model]) => Object.values(model)),
    ...Object.values(ENERGY_PARAMETERS),
    ...Object.values(HARDWARE_CLASSES),
  ];
  for (const { source } of figures) expect(source).not.toBe('');
});

test('every car model can charge, and with no more than its usual plug gives', () => {
  for (const name of Object.keys(CAR_MODELS) as CarModelName[]) {
    const pack = packOf(name);
    expect(pack.minKw).toBeLessThan(pack.maxKw);
    expect(packOf(name, 5).maxKw).toBe(5);
  }
});

test('LFP packs have a limit in the cold, others and unknown models have none', () => {
  for (const [name, { chemistry }] of MODELS) {
    expect(chargeFromCelsiusOf(name)).toBe(chemistry.value === 'lfp' ? 0 : undefined);
  }
  expect(chargeFromCelsiusOf('toString')).toBeUndefined();
});
