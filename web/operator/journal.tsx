import { useState } from 'preact/hooks';
import { time } from '../format.ts';
import { useHomeZone } from '../homeZone.ts';
import { t } from '../i18n.ts';
import { useLines } from '../live.ts';
import { Choice, Empty, Panel } from '../parts.tsx';
import type { JournalRowWire } from '../../api/wire/page.ts';

const TOPICS = {
  all: () => true,
  grid: (kind) => /^(window|limit|emergency|utility)/.test(kind),
  cars: (kind) =>
    /^(plugged|unplugged|asleep|woken|wake|held|ready|settled|departure|handover|enrolled|car_)/.test(kind),
  jobs: (kind) => /^(job|departure|handover)/.test(kind),
  people: (kind) => kind === 'operator' || kind === 'emergency',
} as const satisfies Record<string, (kind: JournalRowWire['kind']) => boolean>;
type TopicName = keyof typeof TOPICS;
const TOPIC_NAMES: readonly TopicName[] = ['all', 'grid', 'cars', 'jobs', 'people'];
const SHOWN = 80;

/** What happened and why, the newest first. */
export function Journal() {
  const lines = useLines();
  const [topic, setTopic] = useState<TopicName>('all');
  const zone = useHomeZone();
  const shown = lines.filter(({ kind }) => TOPICS[topic](kind)).slice(0, SHOWN);
  return (
    <Panel
      title={t('journal.title')}
      class="journal"
      aside={
        <Choice
          label={t('journal.show')}
          value={topic}
          options={TOPIC_NAMES.map((value) => ({ value, text: t(`journal.${value}`) }))}
          onChange={setTopic}
        />
      }
    >
      {shown.length === 0 ? <Empty>{t('journal.none')}</Empty> : null}
      <ol class="lines scroll" tabIndex={0} aria-label={t('journal.title')}>
        {shown.map(({ seq, atMs, kind, message }) => (
          <li key={seq} class={kind}>
            <time dateTime={new Date(atMs).toISOString()}>{time(atMs, zone)}</time>
            <span>{message}</span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
