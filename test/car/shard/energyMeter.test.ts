import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EnergyMeter } from '../../../car/shard/energyMeter.ts';
import { HOUR_MS } from '../../../domain/durations.ts';

test('whoever takes and when: together they take what the device has drawn, and no more', () => {
  const doings = fc.array(fc.tuple(fc.constantFrom('on', 'off', 'take'), fc.integer({ min: 0, max: HOUR_MS })));
  fc.assert(
    fc.property(doings, (all) => {
      let nowMs = 0;
      const meter = new EnergyMeter(
        () => 0.5,
        () => nowMs,
      );
      let takenWh = 0;
      let takenMs = 0;
      for (const [doing, laterMs] of [...all, ['take', 0] as const]) {
        nowMs += laterMs;
        if (doing === 'on') meter.switchOn();
        else if (doing === 'off') meter.switchOff();
        else {
          const { energyWh, deviceMs } = meter.take();
          takenWh += energyWh;
          takenMs += deviceMs;
        }
      }
      const drawn = meter.read();
      expect(takenWh).toBeCloseTo(drawn.energyWh, 6);
      expect(takenMs).toBeCloseTo(drawn.deviceMs, 6);
    }),
  );
});
