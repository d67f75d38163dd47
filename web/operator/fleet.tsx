import { useEffect, useRef } from 'preact/hooks';
import { Legend, LegendEntry } from '../legend.tsx';
import type { CarRowWire } from '../../api/wire/page.ts';
import { colorsOf } from '../colors.ts';
import { kw, number, percent } from '../format.ts';
import { t } from '../i18n.ts';
import { useCars } from '../live.ts';
import { Empty, Panel } from '../parts.tsx';

/** Up to so many cars have a card with their name; more are a field of squares. */
const MOST_CARDS = 48;

/** Every car of the cell at one glance. */
export function Fleet({ onOpen }: { readonly onOpen: (id: string) => void }) {
  const cars = useCars();
  const rows = [...(cars?.values() ?? [])];
  return (
    <Panel title={t('fleet.title')} aside={<StateLegend />} class="fleet">
      {rows.length === 0 ? <Empty>{cars ? t('fleet.none') : t('app.opening')}</Empty> : null}
      {rows.length <= MOST_CARDS ? (
        <ul class="car-cards">
          {rows.map((car) => (
            <li key={car.id}>
              <CarCard car={car} onOpen={onOpen} />
            </li>
          ))}
        </ul>
      ) : (
        <Mosaic rows={rows} onOpen={onOpen} />
      )}
    </Panel>
  );
}

function CarCard({ car, onOpen }: { readonly car: CarRowWire; readonly onOpen: (id: string) => void }) {
  const soc = car.soc_percent;
  return (
    <button type="button" class={`car-card ${car.state}`} onClick={() => onOpen(car.id)}>
      <span class="name">{car.name}</span>
      <span class="state">{t(`state.${car.state}`)}</span>
      <span class="battery" aria-label={t('car.soc', { soc: percent(soc === null ? null : soc / 100) })}>
        <i style={{ width: `${soc ?? 0}%` }} />
      </span>
      <span class="powers">
        {car.compute_kw > 0 ? <b class="compute">{kw(car.compute_kw)}</b> : null}
        {car.charge_kw > 0 ? <b class="charge">{kw(car.charge_kw)}</b> : null}
        <small>{soc === null ? '–' : `${number(soc)} %`}</small>
      </span>
    </button>
  );
}

const SQUARE = 9;
const GAP = 2;
const COLORS: Readonly<Record<CarRowWire['state'], string>> = {
  away: 'line',
  leaving: 'warning',
  asleep: 'house',
  waiting: 'idle',
  charging: 'charge',
  computing: 'compute',
  charging_and_computing: 'compute',
};

/** A square per car, in order of place; the list below says the same in words. */
function Mosaic({ rows, onOpen }: { readonly rows: readonly CarRowWire[]; readonly onOpen: (id: string) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const columns = useRef(1);
  /** The colours of the squares as they are on the canvas. */
  const drawn = useRef<string[]>([]);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context) return;
    const width = element.parentElement?.clientWidth ?? 800;
    columns.current = Math.max(1, Math.floor(width / (SQUARE + GAP)));
    const height = Math.ceil(rows.length / columns.current) * (SQUARE + GAP);
    const scale = devicePixelRatio;
    const [widthPx, heightPx] = [Math.floor(width * scale), Math.floor(height * scale)];
    if (element.width !== widthPx || element.height !== heightPx || drawn.current.length !== rows.length) {
      // A canvas that is given a size is empty.
      element.width = widthPx;
      element.height = heightPx;
      element.style.height = `${height}px`;
      context.scale(scale, scale);
      drawn.current = rows.map(() => '');
    }
    const color = colorsOf(element);
    const fills = new Map(Object.values(COLORS).map((name) => [name, color(name)]));
    for (const [at, { state }] of rows.entries()) {
      const fill = fills.get(COLORS[state]) ?? '';
      if (drawn.current[at] === fill) continue;
      drawn.current[at] = fill;
      context.fillStyle = fill;
      const [x, y] = [(at % columns.current) * (SQUARE + GAP), Math.floor(at / columns.current) * (SQUARE + GAP)];
      context.fillRect(x, y, SQUARE, SQUARE);
    }
  });
  return (
    <canvas
      ref={canvas}
      class="mosaic"
      role="img"
      aria-label={t('fleet.mosaic', { count: rows.length })}
      onClick={(event) => {
        const row = Math.floor(event.offsetY / (SQUARE + GAP));
        const car = rows[row * columns.current + Math.floor(event.offsetX / (SQUARE + GAP))];
        if (car) onOpen(car.id);
      }}
    />
  );
}

function StateLegend() {
  return (
    <Legend>
      <LegendEntry mark="swatch compute" text={t('state.computing')} />
      <LegendEntry mark="swatch charge" text={t('state.charging')} />
      <LegendEntry mark="swatch idle" text={t('state.waiting')} />
      <LegendEntry mark="swatch house" text={t('state.asleep')} />
      <LegendEntry mark="swatch away" text={t('state.away')} />
    </Legend>
  );
}
