import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.ts';
import { t } from './i18n.ts';

/** A titled part of a page. */
export function Panel(props: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class={`panel ${props.class ?? ''}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}

/** One figure with what it is. */
export function Figure(props: {
  readonly label: string;
  readonly value: string;
  readonly note?: string | undefined;
  readonly strong?: boolean;
}) {
  return (
    <div class={props.strong ? 'figure strong' : 'figure'}>
      <dt>{props.label}</dt>
      <dd>
        {props.value}
        {props.note === undefined ? null : <small>{props.note}</small>}
      </dd>
    </div>
  );
}

export function Bar(props: { readonly share: number; readonly label: string }) {
  const share = Math.min(1, Math.max(0, props.share));
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label={props.label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
    >
      <i style={{ width: `${share * 100}%` }} />
    </div>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** What a request came to, when it did not work. */
export function Failure({ error }: { readonly error: unknown }) {
  if (error === undefined) return null;
  const text = error instanceof ApiError && error.status === 0 ? t('error.silent') : messageOf(error);
  return (
    <p class="failure" role="alert">
      {text}
    </p>
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A question before something is done that people feel. */
export function Confirm(props: {
  readonly title: string;
  readonly text: string;
  readonly act: string;
  /** Asked for in words, which the journal keeps; left out: no words are asked for. */
  readonly reason?: string;
  readonly onClose: () => void;
  readonly onConfirm: (reason: string) => Promise<unknown>;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const confirm = async (): Promise<void> => {
    setBusy(true);
    try {
      await props.onConfirm(reason.trim());
      props.onClose();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} onClose={props.onClose} aria-labelledby={id}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          void confirm();
        }}
      >
        <h2 id={id}>{props.title}</h2>
        <p>{props.text}</p>
        {props.reason === undefined ? null : (
          <label>
            {props.reason}
            <input required maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
          </label>
        )}
        <Failure error={error} />
        <footer>
          <button type="button" onClick={props.onClose}>
            {t('action.cancel')}
          </button>
          <button type="submit" class="primary" disabled={isBusy}>
            {props.act}
          </button>
        </footer>
      </form>
    </dialog>
  );
}

/** One choice of a few. */
export function Choice<Value extends string>(props: {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly text: string }[];
  readonly onChange: (value: Value) => void;
}) {
  return (
    <div class="choice" role="group" aria-label={props.label}>
      {props.options.map(({ value, text }) => (
        <button key={value} type="button" aria-pressed={value === props.value} onClick={() => props.onChange(value)}>
          {text}
        </button>
      ))}
    </div>
  );
}
