/** What was measured of one cell on one machine, in one program. */
export interface MeasuredCell {
  /** Cars of the cell that was planned, and wall seconds from rows to orders. */
  readonly cars: number;
  readonly planSeconds: number;
  /** Telemetry through broker, fusion and store. */
  readonly messagesPerSecond: number;
  /** Shards through jobs, waves and the Temporal server. */
  readonly shardsPerSecond: number;
}

/** What nobody measured: how cars behave and what machines cost. */
export interface Assumptions {
  readonly cars: number;
  readonly slotMinutes: number;
  /** Telemetry fields that a car sends in a minute while it is at its plug. */
  readonly fieldsPerMinute: number;
  readonly shardsPerCarAndDay: number;
  /** Hours of the day in which these come. */
  readonly busyHours: number;
  /** Share of a core's time that is planned with: the rest is for peaks and failures. */
  readonly use: number;
  readonly coresPerServer: number;
  readonly serverEurPerYear: number;
}

export interface Planet {
  readonly cells: number;
  readonly planCores: number;
  readonly telemetryCores: number;
  readonly orchestrationCores: number;
  readonly servers: number;
  readonly eurPerCarAndYear: number;
}

/**
 * How many cells of the measured size, and cores like the measured ones, so many cars take. A cell is never taken larger
 * than measured. Each measurement is counted as one core that was busy, which is too much where it waited.
 */
export function planetOf(measured: MeasuredCell, assumed: Assumptions): Planet {
  const { cars, use } = assumed;
  const cells = Math.ceil(cars / measured.cars);
  const planCores = (cells * measured.planSeconds) / (assumed.slotMinutes * 60) / use;
  const telemetryCores = (cars * assumed.fieldsPerMinute) / 60 / measured.messagesPerSecond / use;
  const shardsPerSecond = (cars * assumed.shardsPerCarAndDay) / (assumed.busyHours * 3_600);
  const orchestrationCores = shardsPerSecond / measured.shardsPerSecond / use;
  const servers = Math.ceil((planCores + telemetryCores + orchestrationCores) / assumed.coresPerServer);
  const eurPerCarAndYear = (servers * assumed.serverEurPerYear) / cars;
  return { cells, planCores, telemetryCores, orchestrationCores, servers, eurPerCarAndYear };
}
