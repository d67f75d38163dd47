import { t } from '../i18n.ts';
import { useTopic } from '../live.ts';

/** What needs a person; nothing when nothing does. */
export function Alerts() {
  const alerts = useTopic('alerts') ?? [];
  if (alerts.length === 0) return null;
  return (
    <section class="alerts" aria-label={t('alerts.title')}>
      <h2 class="hidden">{t('alerts.title')}</h2>
      <ul aria-live="polite">
        {alerts.slice(0, 20).map(({ code, subject, text, severity }) => (
          <li key={`${code} ${subject}`} class={severity}>
            <strong>{t(`alert.${code}`)}</strong>{' '}
            {text.includes(subject) ? null : <span class="subject">{subject}</span>} {text}
          </li>
        ))}
      </ul>
    </section>
  );
}
