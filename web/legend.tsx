import type { ComponentChildren } from 'preact';

/** What the colours and strokes of a chart mean; said in its table to those who do not see them. */
export function Legend({ children }: { readonly children: ComponentChildren }) {
  return (
    <ul class="legend" aria-hidden="true">
      {children}
    </ul>
  );
}

/** @param mark classes of the sheet of styles: a form (`swatch`, `line`, `dash`) and what it stands for */
export function LegendEntry({ mark, text }: { readonly mark: string; readonly text: string }) {
  return (
    <li>
      <i class={mark} />
      {text}
    </li>
  );
}
