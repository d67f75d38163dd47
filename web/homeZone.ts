import { useTopic } from './live.ts';
import { useSession } from './sessionContext.ts';

/** The time zone in which what concerns several regions is told: that of the region with the most cars. */
export function useHomeZone(): string {
  const { caller } = useSession();
  const regions = useTopic('regions') ?? [];
  const most = regions.toSorted((a, b) => b.cars - a.cars)[0];
  return most?.time_zone ?? caller.regions[0]?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}
