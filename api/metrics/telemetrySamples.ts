import type { Sample } from '../../domain/metrics.ts';
import type { IngressCounts } from '../ingress/ingress.ts';

/** @param counts undefined where another process takes the cell's telemetry */
export function telemetrySamples(counts: IngressCounts | undefined): readonly Sample[] {
  const isTaken: Sample = { name: 'nightshift_telemetry_taken', value: counts ? 1 : 0 };
  if (!counts) return [isTaken];
  return [
    isTaken,
    { name: 'nightshift_telemetry_messages_total', value: counts.messages },
    lost('unreadable', counts.unreadable),
    lost('stranger', counts.unknownVehicle),
    lost('refused_by_database', counts.refused),
  ];
}

function lost(reason: string, value: number): Sample {
  return { name: 'nightshift_telemetry_lost_total', labels: { reason }, value };
}
