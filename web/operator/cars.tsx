import { useMemo, useRef, useState } from 'preact/hooks';
import type { CarRowWire } from '../../api/wire/page.ts';
import { kw, number, percent, time } from '../format.ts';
import { t } from '../i18n.ts';
import { useCars } from '../live.ts';
import { Panel } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { shownRange } from '../virtualRows.ts';

const ROW_PX = 34;
const LIST_PX = ROW_PX * 14;

const FILTERS = ['all', 'computing', 'charging', 'waiting', 'asleep', 'away', 'held', 'excluded'] as const;
type Filter = (typeof FILTERS)[number];

/** Every car as a line: state, holder and why. Only the lines in view are in the page. */
export function Cars({ onOpen }: { readonly onOpen: (id: string) => void }) {
  const cars = useCars();
  const { caller } = useSession();
  const [filter, setFilter] = useState<Filter>('all');
  const [words, setWords] = useState('');
  const zones = useMemo(() => new Map(caller.regions.map(({ id, time_zone }) => [id, time_zone])), [caller]);
  const rows = [...(cars?.values() ?? [])];
  const counts = new Map(FILTERS.map((each) => [each, rows.filter((car) => IS_IN[each](car)).length]));
  const wanted = words.trim().toLowerCase();
  const shown = rows.filter((car) => IS_IN[filter](car) && (wanted === '' || textOf(car).includes(wanted)));
  return (
    <Panel
      title={t('cars.title')}
      class="cars"
      aside={<span class="muted">{t('cars.count', { count: shown.length })}</span>}
    >
      <div class="filters">
        <input
          type="search"
          placeholder={t('cars.search')}
          aria-label={t('cars.search')}
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
        />
        <div class="choice" role="group" aria-label={t('cars.filter')}>
          {FILTERS.filter((each) => each === 'all' || each === filter || (counts.get(each) ?? 0) > 0).map((each) => (
            <button key={each} type="button" aria-pressed={each === filter} onClick={() => setFilter(each)}>
              {t(`filter.${each}`)} <small>{number(counts.get(each))}</small>
            </button>
          ))}
        </div>
      </div>
      <CarRows rows={shown} zones={zones} onOpen={onOpen} />
    </Panel>
  );
}

const IS_IN: Readonly<Record<Filter, (car: CarRowWire) => boolean>> = {
  all: () => true,
  computing: ({ compute_kw, state }) => compute_kw > 0 && state !== 'away',
  charging: ({ charge_kw, state }) => charge_kw > 0 && state !== 'away',
  waiting: ({ state }) => state === 'waiting',
  asleep: ({ state }) => state === 'asleep',
  away: ({ state }) => state === 'away',
  held: ({ held_by, state }) => ['safety', 'grid_emergency', 'owner_now'].includes(held_by) && state !== 'away',
  excluded: ({ excluded }) => excluded,
};

function textOf({ id, name, owner, region, feeder, hardware_class, reason }: CarRowWire): string {
  return `${id} ${name} ${owner} ${region} ${feeder} ${hardware_class} ${reason ?? ''}`.toLowerCase();
}

interface CarRowsProps {
  readonly rows: readonly CarRowWire[];
  readonly zones: ReadonlyMap<string, string>;
  readonly onOpen: (id: string) => void;
}

function CarRows({ rows, zones, onOpen }: CarRowsProps) {
  const [top, setTop] = useState(0);
  const place = useRef<HTMLDivElement>(null);
  const { from, until } = shownRange({ count: rows.length, rowPx: ROW_PX, topPx: top, heightPx: LIST_PX });
  /** The list is one stop of the keyboard; arrows move within it. */
  const move = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const focused = document.activeElement?.getAttribute('data-row');
    const next = typeof focused !== 'string' ? from : Math.min(rows.length - 1, Math.max(0, Number(focused) + step));
    const element = place.current;
    if (!element) return;
    if (next * ROW_PX < element.scrollTop) element.scrollTop = next * ROW_PX;
    if ((next + 1) * ROW_PX > element.scrollTop + element.clientHeight) {
      element.scrollTop = (next + 1) * ROW_PX - element.clientHeight;
    }
    setTop(element.scrollTop);
    // The line may only now come into the page.
    requestAnimationFrame(() => element.querySelector<HTMLElement>(`[data-row="${next}"]`)?.focus());
  };
  return (
    <div class="car-table" role="table" aria-label={t('cars.title')} aria-rowcount={rows.length + 1}>
      <div role="row" aria-rowindex={1} class="car-row head">
        <span role="columnheader">{t('cars.car')}</span>
        <span role="columnheader">{t('cars.state')}</span>
        <span role="columnheader">{t('cars.heldBy')}</span>
        <span role="columnheader">{t('cars.why')}</span>
        <span role="columnheader">{t('cars.soc')}</span>
        <span role="columnheader">{t('load.charge')}</span>
        <span role="columnheader">{t('load.compute')}</span>
        <span role="columnheader">{t('cars.readyBy')}</span>
      </div>
      <div
        class="car-rows"
        role="rowgroup"
        ref={place}
        tabIndex={0}
        style={{ maxHeight: `${LIST_PX}px` }}
        onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        onKeyDown={move}
      >
        <div role="presentation" style={{ height: `${rows.length * ROW_PX}px` }}>
          {rows.slice(from, until).map((car, at) => (
            <CarLine key={car.id} car={car} index={from + at} zone={zones.get(car.region) ?? 'UTC'} onOpen={onOpen} />
          ))}
        </div>
      </div>
    </div>
  );
}

interface CarLineProps {
  readonly car: CarRowWire;
  readonly index: number;
  readonly zone: string;
  readonly onOpen: (id: string) => void;
}

function CarLine({ car, index, zone, onOpen }: CarLineProps) {
  // A line whose car has not changed is not drawn again when its neighbours have, or when the list is scrolled past it.
  return useMemo(
    () => (
      <div
        role="row"
        aria-rowindex={index + 2}
        class={`car-row ${car.state}`}
        style={{ transform: `translateY(${index * ROW_PX}px)` }}
      >
        <span role="cell">
          <button type="button" class="link" data-row={index} tabIndex={-1} onClick={() => onOpen(car.id)}>
            {car.name}
          </button>
        </span>
        <span role="cell">
          <i class={`dot ${car.state}`} aria-hidden="true" /> {t(`state.${car.state}`)}
        </span>
        <span role="cell">{t(`holder.${car.held_by}`)}</span>
        <span role="cell" class="why" title={car.why ?? ''}>
          {car.why ?? '–'}
        </span>
        <span role="cell">{percent(car.soc_percent === null ? null : car.soc_percent / 100)}</span>
        <span role="cell">{car.charge_kw > 0 ? kw(car.charge_kw) : '–'}</span>
        <span role="cell">{car.compute_kw > 0 ? kw(car.compute_kw) : '–'}</span>
        <span role="cell">{time(car.ready_by_ms, zone)}</span>
      </div>
    ),
    [car, index, zone, onOpen],
  );
}
