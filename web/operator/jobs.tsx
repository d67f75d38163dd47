import { useState } from 'preact/hooks';
import type { JobRowWire } from '../../api/wire/page.ts';
import { dayAndTime, duration, number, placeOf } from '../format.ts';
import { useNow } from '../gridClock.ts';
import { useHomeZone } from '../homeZone.ts';
import { t } from '../i18n.ts';
import { useTopic } from '../live.ts';
import { Bar, Confirm, Empty, Panel } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { TemporalLink } from './temporalLink.tsx';

/** Jobs of all tenants that are not done. */
export function Jobs() {
  const jobs = useTopic('jobs');
  const { api } = useSession();
  const [asked, setAsked] = useState<JobRowWire>();
  return (
    <Panel title={t('jobs.title')} class="jobs">
      {jobs?.length === 0 ? <Empty>{t('jobs.none')}</Empty> : null}
      <ul class="job-list">
        {(jobs ?? []).map((job) => (
          <Job key={job.id} job={job} onPause={() => setAsked(job)} />
        ))}
      </ul>
      {asked ? (
        <Confirm
          title={asked.paused ? t('jobs.resumeTitle') : t('jobs.pauseTitle')}
          text={t(asked.paused ? 'jobs.resumeText' : 'jobs.pauseText', { id: asked.id, tenant: asked.tenant })}
          act={asked.paused ? t('jobs.resume') : t('jobs.pause')}
          onClose={() => setAsked(undefined)}
          onConfirm={() => api.json('POST', `/ops/v1/jobs/${asked.id}/${asked.paused ? 'resume' : 'pause'}`)}
        />
      ) : null}
    </Panel>
  );
}

function Job({ job, onPause }: { readonly job: JobRowWire; readonly onPause: () => void }) {
  const { caller, clock } = useSession();
  const nowMs = useNow(clock);
  const { shards, requests } = job;
  const zone = useHomeZone();
  const share = requests.total === 0 ? 0 : (requests.completed + requests.failed) / requests.total;
  const isLate = job.eta_ms === null || job.eta_ms > job.deadline_ms;
  const places = [...new Set(job.places.map(({ region }) => region))].map((region) =>
    placeOf(caller.regions.find(({ id }) => id === region)?.time_zone ?? region),
  );
  return (
    <li>
      <div class="row">
        <strong>{job.model}</strong>
        <span class="subject">
          {job.tenant} · {job.id}
        </span>
        <button type="button" class="quiet" onClick={onPause}>
          {job.paused ? t('jobs.resume') : t('jobs.pause')}
        </button>
        <TemporalLink workflowId={`job/${job.id}`} />
      </div>
      <Bar share={share} label={t('jobs.progress', { id: job.id })} />
      <div class="row small">
        <span>{t('jobs.requests', { done: number(requests.completed), total: number(requests.total) })}</span>
        <span>{t('jobs.shards', { running: number(shards.in_flight), pending: number(shards.pending) })}</span>
        <span>{places.length === 0 ? t('jobs.nowhere') : t('jobs.places', { places: places.join(', ') })}</span>
        <span class={isLate && !job.paused ? 'late' : ''}>
          {job.eta_ms === null ? t('jobs.noEta') : t('jobs.eta', { eta: dayAndTime(job.eta_ms, zone) })}
        </span>
        <span>{t('jobs.due', { due: dayAndTime(job.deadline_ms, zone), in: duration(job.deadline_ms - nowMs) })}</span>
      </div>
      {job.why === null ? null : <p class="why">{job.paused ? t('jobs.isPaused') : job.why}</p>}
    </li>
  );
}
