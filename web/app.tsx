import { useEffect, useMemo, useState } from 'preact/hooks';
import { Api, ApiError } from './api.ts';
import { gridClock } from './gridClock.ts';
import { t } from './i18n.ts';
import { Live, LiveContext } from './live.ts';
import { OperatorView } from './operator/operatorView.tsx';
import { OwnerView } from './owner/ownerView.tsx';
import { Failure } from './parts.tsx';
import { forgetKey, saveKey, savedKey } from './session.ts';
import { Header } from './header.tsx';
import { SessionContext, type Role, type Session } from './sessionContext.ts';
import { SignIn } from './signIn.tsx';
import { SubmitterView } from './submitter/submitterView.tsx';
import { useAsked } from './useAsked.ts';
import { UtilityView } from './utility/utilityView.tsx';
import type { CallerWire } from '../api/wire/page.ts';

const VIEWS: Readonly<Record<Role, () => preact.JSX.Element>> = {
  operator: OperatorView,
  utility: UtilityView,
  owner: OwnerView,
  submitter: SubmitterView,
};

/** The page: who signs in sees what their key may see. */
export function App() {
  const [key, setKey] = useState(savedKey);
  const [refused, setRefused] = useState<string>();
  if (key === undefined) {
    return (
      <SignIn
        refused={refused}
        onKey={(given) => {
          saveKey(given);
          setRefused(undefined);
          setKey(savedKey());
        }}
      />
    );
  }
  const signOut = (why?: string): void => {
    forgetKey();
    setRefused(why);
    setKey(undefined);
  };
  return <SignedIn key={key} apiKey={key} onSignOut={signOut} />;
}

function SignedIn({ apiKey, onSignOut }: { readonly apiKey: string; readonly onSignOut: (why?: string) => void }) {
  const api = useMemo(() => new Api(apiKey), [apiKey]);
  const { answer: caller, error, again } = useAsked('caller', () => api.get<CallerWire>('/page/v1/caller'));
  const isRefused = error instanceof ApiError && error.status === 401;
  useEffect(() => {
    if (isRefused) onSignOut(error.message);
  }, [isRefused]);
  if (caller) return <Roles api={api} caller={caller} onSignOut={onSignOut} />;
  return (
    <main class="opening">
      <p>{t('app.opening')}</p>
      {error === undefined || isRefused ? null : (
        <>
          <Failure error={error} />
          <button type="button" onClick={again}>
            {t('action.tryAgain')}
          </button>
        </>
      )}
    </main>
  );
}

interface RolesProps {
  readonly api: Api;
  readonly caller: CallerWire;
  readonly onSignOut: (why?: string) => void;
}

function Roles({ api, caller, onSignOut }: RolesProps) {
  const [live, setLive] = useState<Live>();
  const clock = useMemo(() => gridClock(caller), [caller]);
  const role = useRole(caller.roles);
  useEffect(() => {
    const opened = new Live(api, (error) => onSignOut(error.message));
    setLive(opened);
    return () => opened.close();
  }, [api]);
  const session = useMemo<Session>(() => ({ api, caller, clock }), [api, caller, clock]);
  if (!live) return null;
  const View = role === undefined ? undefined : VIEWS[role];
  return (
    <SessionContext.Provider value={session}>
      <LiveContext.Provider value={live}>
        <a class="skip" href="#content" onClick={skipToContent}>
          {t('app.skip')}
        </a>
        <Header role={role} onSignOut={() => onSignOut()} />
        <main id="content" tabIndex={-1}>
          {View ? <View /> : <p class="empty">{t('app.nothingToSee')}</p>}
        </main>
      </LiveContext.Provider>
    </SessionContext.Provider>
  );
}

/** Not by the address: what is behind "#" there says which view is open. */
function skipToContent(event: MouseEvent): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#content')?.focus();
}

/** Which of the caller's roles is looked through, by the address; the first otherwise. */
function useRole(roles: readonly Role[]): Role | undefined {
  const named = (): Role | undefined => roles.find((role) => location.hash === `#${role}`) ?? roles[0];
  const [role, setRole] = useState(named);
  useEffect(() => {
    const follow = (): void => setRole(named());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, [roles]);
  return role;
}
