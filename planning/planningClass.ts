import { isRolloutFamily } from '../domain/rollouts/rolloutSpec.ts';

/**
 * To the planner, the cars of a roll-out are a class of their own beside the others of their hardware class: only they
 * take its shards, so that power must go to just them. To queues and people it is the hardware class.
 */
const MARK = '+';

/** The class under which a car is planned that takes part in these roll-outs. */
export function planningClassOf(hardwareClass: string, families: readonly string[]): string {
  return [hardwareClass, ...families].join(MARK);
}

export function hardwareClassOf(planningClass: string): string {
  return planningClass.split(MARK, 1)[0] ?? planningClass;
}

/** Whether cars of this planning class take shards of the family, where they serve its base family. */
function takes(planningClass: string, family: string): boolean {
  return !isRolloutFamily(family) || planningClass.split(MARK).slice(1).includes(family);
}

/**
 * What is known by hardware class, by each planning class that takes the family's shards.
 * @param planned ids of the planning classes that there are
 */
export function byPlanningClass<Row extends { readonly hardwareClass: string }>(
  rows: readonly Row[],
  family: string,
  planned: readonly string[],
): Row[] {
  return planned
    .filter((planningClass) => takes(planningClass, family))
    .flatMap((planningClass) => {
      const row = rows.find(({ hardwareClass }) => hardwareClass === hardwareClassOf(planningClass));
      return row ? [{ ...row, hardwareClass: planningClass }] : [];
    });
}
