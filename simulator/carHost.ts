import type { SimulatedClass } from '../domain/hardwareClasses.ts';
import type { LeaveReason } from '../domain/shards.ts';
import type { Pacer } from './pacing.ts';

/** One word for what a car is at, as people say it. */
export type CarActivity = 'driving' | 'arriving' | 'leaving' | 'asleep' | 'computing' | 'charging' | 'awake';

/** What the car's sensors say, as of the simulation's last step. */
export interface CarConditions {
  /** Grid time. */
  readonly atMs: number;
  readonly activity: CarActivity;
  readonly awake: boolean;
  readonly pluggedIn: boolean;
  readonly gear: 'P' | 'D';
  /** The plug has power. Without it the car's computer is dead too. */
  readonly powered: boolean;
  readonly networkUp: boolean;
  readonly socPercent: number;
  readonly ambientC: number;
  /** What speaks against computing, as far as the car knows. */
  readonly holds: readonly LeaveReason[];
  /** The setpoint in force leaves the power gate open. */
  readonly computeAllowed: boolean;
}

/** What a car tells the agent on board. Every method is optional; they are called in the order of events. */
export interface CarListener {
  /** A reason against computing begins; a shard under way has to leave, what is finished may still be flushed. */
  onHold?(reason: LeaveReason): void;
  /** That reason is gone; others may remain. */
  onRelease?(reason: LeaveReason): void;
  /** False: the car falls asleep, which it does only when idle; true: the agent may start. */
  onAwake?(awake: boolean): void;
  /** Without a network the agent goes on and reports when it is back. */
  onNetwork?(up: boolean): void;
  /** False: the computer is dead from this instant, whatever it was doing. */
  onPower?(up: boolean): void;
}

/** A car, as the agent that runs in it sees it. A real car would implement the same by its sensors. */
export interface CarHost {
  readonly vehicleId: string;
  readonly regionId: string;
  readonly hardwareClass: SimulatedClass;
  readonly pacer: Pacer;
  conditions(): CarConditions;
  /** @returns a function that ends the listening. What holds already is in `conditions().holds`. */
  listen(listener: CarListener): () => void;
  /** Power at the plug that the computer draws now when it computes: chip, cooling and awake load, kW. */
  computeKw(): number;
  /** The agent says what it draws at the plug from now on, kW; 0 when idle. */
  computeDraw(kw: number): void;
}
