import type { AgentSettingsWire } from '../../api/wire/agents.ts';

/** What an API tells the agent of a car: where its doors are, and what it is enrolled as. */
export function agentSettings(carId: string, doors: { gatewayAddress: string; mqttUrl: string }): AgentSettingsWire {
  return {
    car_id: carId,
    region_id: 'north',
    hardware_class: 'ai4',
    model_families: ['ocr'],
    clock: { origin_ms: 0, anchor_ms: 0, scale: 1 },
    gateway: { address: doors.gatewayAddress, tls: false, namespace: 'default' },
    mqtt_url: doors.mqttUrl,
    telemetry_base: 'telemetry',
    compute_kw: 0.5,
    compute_soc_floor_percent: 40,
  };
}
