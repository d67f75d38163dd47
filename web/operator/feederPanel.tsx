import { placeOf } from '../format.ts';
import { useNow } from '../gridClock.ts';
import { LoadChart } from '../loadChart.tsx';
import { Failure } from '../parts.tsx';
import { SidePanel } from '../sidePanel.tsx';
import { useSession } from '../sessionContext.ts';
import { useTimelines } from '../timelines.ts';

/** One feeder on the time axis. */
export function FeederPanel(props: {
  readonly feeder: { readonly id: string; readonly region: string; readonly timeZone: string };
  readonly onClose: () => void;
}) {
  const { clock } = useSession();
  const { id, region, timeZone } = props.feeder;
  const { answer, error } = useTimelines([region], id);
  const nowMs = useNow(clock);
  const [timeline] = answer ?? [];
  return (
    <SidePanel title={id} note={placeOf(timeZone)} onClose={props.onClose}>
      <Failure error={error} />
      {timeline ? <LoadChart timeline={timeline} timeZone={timeZone} nowMs={nowMs} height={240} /> : null}
    </SidePanel>
  );
}
