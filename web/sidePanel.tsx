import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { t } from './i18n.ts';

/** More about one thing, beside the page; Escape closes it and the focus goes back to where it came from. */
export function SidePanel(props: {
  readonly title: string;
  readonly note?: string | undefined;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class="side"
      aria-labelledby={id}
      onClose={props.onClose}
      onClick={(event) => {
        if (event.target === dialog.current) props.onClose();
      }}
    >
      <div class="side-body">
        <header>
          <div>
            <h2 id={id}>{props.title}</h2>
            {props.note === undefined ? null : <small>{props.note}</small>}
          </div>
          <button type="button" class="quiet" onClick={props.onClose}>
            {t('action.close')}
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}
