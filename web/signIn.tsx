import { useEffect, useState } from 'preact/hooks';
import { t } from './i18n.ts';
import { Mark } from './mark.tsx';

/** Asks for a key; which kind it is decides what is seen. */
export function SignIn({
  refused,
  onKey,
}: {
  readonly refused: string | undefined;
  readonly onKey: (key: string) => void;
}) {
  const [key, setKey] = useState('');
  const offered = useAccountsOffered();
  return (
    <main class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (key.trim() !== '') onKey(key);
        }}
      >
        <Mark />
        <h1>{t('app.name')}</h1>
        <p>{t('signIn.about')}</p>
        <label>
          {t('signIn.key')}
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            required
            value={key}
            aria-invalid={refused !== undefined}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        {refused === undefined ? null : (
          <p class="failure" role="alert">
            {refused}
          </p>
        )}
        <button type="submit" class="primary">
          {t('signIn.act')}
        </button>
        {offered ? (
          <p>
            <a href="/sign-in">{t('signIn.account')}</a>
          </p>
        ) : null}
        <p class="fine">{t('signIn.kept')}</p>
      </form>
    </main>
  );
}

/** Whether this cell lets people in by their accounts; without an answer, by keys alone. */
function useAccountsOffered(): boolean {
  const [offered, setOffered] = useState(false);
  useEffect(() => {
    fetch('/sign-in/offer')
      .then((answer) => answer.json())
      .then((offer: { readonly accounts?: boolean }) => setOffered(offer.accounts === true))
      .catch(() => setOffered(false));
  }, []);
  return offered;
}
