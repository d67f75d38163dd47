import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { colorsOf } from './colors.ts';
import { t } from './i18n.ts';

/** How a chart is drawn with the colours of the page, which follow light and dark. */
export interface ChartSpec {
  readonly height: number;
  /** Colours are names of CSS variables. */
  readonly build: (color: (name: string) => string) => Omit<uPlot.Options, 'width' | 'height'>;
}

interface ChartProps {
  readonly spec: ChartSpec;
  readonly data: uPlot.AlignedData;
  /** Said to those who do not see it. */
  readonly summary: string;
  /** Grid time in seconds, drawn as a line; moves without new data. */
  readonly nowSeconds?: number | undefined;
}

/** uPlot, as wide as its place, drawn anew when the scheme changes and given new data without being made again. */
export function Chart({ spec, data, summary, nowSeconds }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const latest = useRef({ data, nowSeconds });
  latest.current = { data, nowSeconds };

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const make = (): void => {
      plot.current?.destroy();
      const color = colorsOf(element);
      const options = spec.build(color);
      const hooks: uPlot.Hooks.Arrays = {
        ...options.hooks,
        draw: [...(options.hooks?.draw ?? []), (chart) => drawNow(chart, latest.current.nowSeconds, color('accent'))],
      };
      const size = { width: Math.max(240, element.clientWidth), height: spec.height };
      plot.current = new uPlot({ ...options, hooks, ...size }, latest.current.data, element);
    };
    make();
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0) plot.current?.setSize({ width: element.clientWidth, height: spec.height });
    });
    resized.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', make);
    const themed = new MutationObserver(make);
    themed.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      resized.disconnect();
      themed.disconnect();
      scheme.removeEventListener('change', make);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [spec]);

  useEffect(() => plot.current?.setData(data), [data]);
  useEffect(() => plot.current?.redraw(false), [nowSeconds]);
  return <div class="chart" ref={place} role="img" aria-label={summary} />;
}

function drawNow(chart: uPlot, nowSeconds: number | undefined, color: string): void {
  const { min, max } = chart.scales.x ?? {};
  if (nowSeconds === undefined || min === undefined || max === undefined || nowSeconds < min || nowSeconds > max)
    return;
  const x = Math.round(chart.valToPos(nowSeconds, 'x', true));
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.fillStyle = color;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.beginPath();
  ctx.arc(x, bbox.top, 3.5 * devicePixelRatio, 0, 2 * Math.PI);
  ctx.fill();
  ctx.restore();
}

/** Shades stretches of the x axis, behind everything. */
export function shadedStretches(stretches: () => readonly { from: number; to: number }[], fill: string) {
  return (chart: uPlot): void => {
    const { ctx, bbox } = chart;
    ctx.save();
    ctx.fillStyle = fill;
    for (const { from, to } of stretches()) {
      const left = Math.max(bbox.left, chart.valToPos(from, 'x', true));
      const right = Math.min(bbox.left + bbox.width, chart.valToPos(to, 'x', true));
      if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  };
}

export const steps = uPlot.paths.stepped?.({ align: 1 });

/** The same as a table, for those who cannot or will not read a picture. */
export function ChartTable(props: {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: () => readonly (readonly string[])[];
}) {
  return (
    <details class="as-table">
      <summary>{t('chart.asTable')}</summary>
      <LazyTable {...props} />
    </details>
  );
}

function LazyTable({
  caption,
  head,
  rows,
}: {
  readonly caption: string;
  readonly head: readonly string[];
  readonly rows: () => readonly (readonly string[])[];
}) {
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {head.map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows().map((cells) => (
            <tr key={cells[0]}>
              {cells.map((cell, column) => (
                <td key={head[column]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
