import { setImmediate } from 'node:timers/promises';
import type { SlotReserveContext } from '@temporalio/worker';
import { expect, test, vi } from 'vitest';
import { PowerGate } from '../../../car/shard/powerGate.ts';
import { PowerSlotSupplier } from '../../../car/agent/powerSlotSupplier.ts';

const CONTEXT: SlotReserveContext = {
  slotType: 'activity',
  taskQueue: 'queue',
  workerIdentity: 'veh:1',
  workerBuildId: '',
  isSticky: false,
};

function supplier() {
  const gate = new PowerGate();
  const onIdle = vi.fn();
  const slots = new PowerSlotSupplier(gate, onIdle);
  const granted = vi.fn();
  const reserve = (signal = new AbortController().signal): void => {
    slots.reserveSlot(CONTEXT, signal).then(granted, () => {});
  };
  return { gate, slots, onIdle, granted, reserve };
}

test('grants nothing while the gate is closed, and one permit when it opens', async () => {
  const { gate, granted, reserve } = supplier();
  gate.close('unplugged');
  reserve();
  reserve();
  await setImmediate();
  expect(granted).not.toHaveBeenCalled();
  gate.clear('unplugged');
  await setImmediate();
  expect(granted).toHaveBeenCalledOnce();
});

test('the next permit comes when the first is given back; only a used one means that a shard has ended', async () => {
  const { slots, granted, reserve, onIdle } = supplier();
  reserve();
  reserve();
  slots.releaseSlot();
  await setImmediate();
  expect(granted).toHaveBeenCalledTimes(2);
  expect(onIdle).not.toHaveBeenCalled();
  slots.markSlotUsed();
  expect(slots.computing).toBe(true);
  slots.releaseSlot();
  expect(slots.computing).toBe(false);
  expect(onIdle).toHaveBeenCalledOnce();
});

test('a withdrawn wish takes no permit', async () => {
  const { gate, granted, reserve } = supplier();
  gate.close('slot_over');
  const controller = new AbortController();
  reserve(controller.signal);
  controller.abort();
  reserve();
  gate.clear('slot_over');
  await setImmediate();
  expect(granted).toHaveBeenCalledOnce();
});

test('never gives a slot away without a poll', () => {
  expect(supplier().slots.tryReserveSlot()).toBeNull();
});
