import { useState } from 'preact/hooks';
import { dayAndTime, number, placeOf } from './format.ts';
import { useNow } from './gridClock.ts';
import { t } from './i18n.ts';
import { useIsConnected } from './live.ts';
import { Mark } from './mark.tsx';
import { useSession, type Role } from './sessionContext.ts';

const THEMES = ['auto', 'light', 'dark'] as const;

export function Header({ role, onSignOut }: { readonly role: Role | undefined; readonly onSignOut: () => void }) {
  const { caller } = useSession();
  return (
    <header class="top">
      <div class="brand">
        <Mark />
        <strong>{t('app.name')}</strong>
      </div>
      <CellClock />
      {caller.roles.length < 2 ? null : (
        <nav class="roles" aria-label={t('app.roles')}>
          {caller.roles.map((each) => (
            <a key={each} href={`#${each}`} aria-current={each === role ? 'page' : undefined}>
              {t(`role.${each}`)}
            </a>
          ))}
        </nav>
      )}
      <Connection />
      <ThemeButton />
      <button type="button" class="quiet" onClick={onSignOut} title={caller.name}>
        {t('action.signOut')}
      </button>
    </header>
  );
}

/** What time it is where the cars are. */
function CellClock() {
  const { caller, clock } = useSession();
  const now = useNow(clock);
  const zones = [...new Set(caller.regions.map(({ time_zone }) => time_zone))].slice(0, 3);
  return (
    <p class="clock">
      {(zones.length === 0 ? [Intl.DateTimeFormat().resolvedOptions().timeZone] : zones).map((zone) => (
        <span key={zone}>
          <time dateTime={new Date(now).toISOString()}>{dayAndTime(now, zone)}</time> {placeOf(zone)}
        </span>
      ))}
      {clock.scale === 1 ? null : <span class="scale">{t('app.scale', { scale: number(clock.scale) })}</span>}
    </p>
  );
}

function Connection() {
  const isConnected = useIsConnected();
  return (
    <p class={isConnected ? 'connection live' : 'connection'} role="status">
      {isConnected ? t('app.live') : t('app.notLive')}
    </p>
  );
}

/** Light or dark as the system has it, or as the reader wants it in this browser. */
function ThemeButton() {
  const [theme, setTheme] = useState<(typeof THEMES)[number]>(
    () => THEMES.find((each) => each === localStorage.getItem('nightshift.theme')) ?? 'auto',
  );
  if (theme === 'auto') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.dataset.theme = theme;
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
  return (
    <button
      type="button"
      class="quiet"
      aria-label={t('app.themeNext', { now: t(`theme.${theme}`), theme: t(`theme.${next}`) })}
      onClick={() => {
        localStorage.setItem('nightshift.theme', next);
        setTheme(next);
      }}
    >
      {t(`theme.${theme}`)}
    </button>
  );
}
