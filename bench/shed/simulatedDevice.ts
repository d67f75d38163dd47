import type { Answer } from '../../domain/answerLine.ts';
import type { Runner } from '../../inference/runner/runner.ts';

const STEP_REAL_MS = 100;

/**
 * Stands for the runner process of a car, of which a thousand do not fit into one machine: a line takes its time, and
 * none passes while it is paused. Everything around it is the cars' own code.
 */
export function simulatedDevice(realMsPerLine: number): Pick<Runner, 'load' | 'run' | 'pause' | 'resume' | 'stop'> {
  let isPaused = false;
  let stops = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const compute = async (bodies: readonly unknown[], atStop: number): Promise<Answer[]> => {
    for (let leftRealMs = realMsPerLine * bodies.length; leftRealMs > 0;) {
      await new Promise((resolve) => setTimeout(resolve, STEP_REAL_MS));
      if (stops !== atStop) throw new Error('the device was stopped');
      if (!isPaused) leftRealMs -= STEP_REAL_MS;
    }
    return bodies.map((body) => ({ statusCode: 200, body }));
  };
  return {
    load: async () => {},
    run: (_, bodies) => {
      const atStop = stops;
      const answers = turn.then(() => compute(bodies, atStop));
      turn = answers.catch(() => {});
      return answers;
    },
    pause: () => {
      isPaused = true;
    },
    resume: () => {
      isPaused = false;
    },
    stop: async () => {
      stops += 1;
      isPaused = false;
    },
  };
}
