import { t } from '../i18n.ts';
import { useSession } from '../sessionContext.ts';

/** To the workflow in the Temporal UI, where somebody said where that is. */
export function TemporalLink({ workflowId }: { readonly workflowId: string }) {
  const { temporal_ui } = useSession().caller;
  if (temporal_ui === null) return null;
  return (
    <a class="temporal" href={temporal_ui + encodeURIComponent(workflowId)} target="_blank" rel="noreferrer">
      {t('app.workflow')}
    </a>
  );
}
