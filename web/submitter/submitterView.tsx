import { useState } from 'preact/hooks';
import type { BatchWire } from '../../api/wire/batch.ts';
import { co2, dayAndTime, eur, number, placeOf, withUnit } from '../format.ts';
import { t } from '../i18n.ts';
import { useTopic } from '../live.ts';
import { Bar, Confirm, Empty, Failure, Panel } from '../parts.tsx';
import { useSession } from '../sessionContext.ts';
import { QuoteForm } from './quoteForm.tsx';

type Act = { readonly batch: BatchWire; readonly what: 'pause' | 'resume' | 'cancel' };

/** A submitter's batches, and what another one would cost. */
export function SubmitterView() {
  return (
    <div class="view submitter">
      <h1 class="hidden">{t('role.submitter')}</h1>
      <Batches />
      <QuoteForm />
    </div>
  );
}

function Batches() {
  const batches = useTopic('batches');
  const { api } = useSession();
  const [act, setAct] = useState<Act>();
  const [error, setError] = useState<unknown>();
  const download = (fileId: string, name: string): void => {
    setError(undefined);
    api.download(`/v1/files/${fileId}/content`, name).catch((refused: unknown) => setError(refused));
  };
  return (
    <Panel title={t('batches.title')} class="jobs">
      <Failure error={error} />
      {batches ? null : <Empty>{t('app.opening')}</Empty>}
      {batches?.length === 0 ? <Empty>{t('batches.none')}</Empty> : null}
      <ul class="job-list">
        {(batches ?? []).map((batch) => (
          <Batch key={batch.id} batch={batch} onAct={(what) => setAct({ batch, what })} onDownload={download} />
        ))}
      </ul>
      {act ? (
        <Confirm
          title={t(`batches.${act.what}Title`)}
          text={t(`batches.${act.what}Text`, { id: act.batch.id })}
          act={t(`batches.${act.what}`)}
          onClose={() => setAct(undefined)}
          onConfirm={() => api.json('POST', `/v1/batches/${act.batch.id}/${act.what}`)}
        />
      ) : null}
    </Panel>
  );
}

interface BatchProps {
  readonly batch: BatchWire;
  readonly onAct: (what: Act['what']) => void;
  readonly onDownload: (fileId: string, name: string) => void;
}

function Batch({ batch, onAct, onDownload }: BatchProps) {
  const { caller } = useSession();
  const { x_grid: grid, request_counts: counts } = batch;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const share = counts.total === 0 ? 0 : (counts.completed + counts.failed) / counts.total;
  const isOpen = batch.status === 'in_progress' || batch.status === 'validating';
  const regionOf = (id: string): string => placeOf(caller.regions.find((region) => region.id === id)?.time_zone ?? id);
  const [reason] = grid.reasons;
  const answers = batch.output_file_id ?? grid.partial_output_file_id;
  return (
    <li>
      <div class="row">
        <strong>{batch.model ?? batch.endpoint}</strong>
        <span class="subject">{batch.id}</span>
        <span class={`badge ${batch.status}`}>
          {t(grid.state === 'ended' ? `status.${batch.status}` : `batchState.${grid.state}`)}
        </span>
        {isOpen ? (
          <>
            <button type="button" class="quiet" onClick={() => onAct(grid.state === 'paused' ? 'resume' : 'pause')}>
              {grid.state === 'paused' ? t('batches.resume') : t('batches.pause')}
            </button>
            <button type="button" class="quiet" onClick={() => onAct('cancel')}>
              {t('batches.cancel')}
            </button>
          </>
        ) : null}
        {answers === null ? null : (
          <button type="button" class="quiet" onClick={() => onDownload(answers, `${batch.id}-answers.jsonl`)}>
            {batch.output_file_id === null ? t('batches.answersSoFar') : t('batches.answers')}
          </button>
        )}
        {batch.error_file_id === null ? null : (
          <button
            type="button"
            class="quiet"
            onClick={() => onDownload(batch.error_file_id ?? '', `${batch.id}-errors.jsonl`)}
          >
            {t('batches.errors')}
          </button>
        )}
      </div>
      <Bar share={share} label={t('jobs.progress', { id: batch.id })} />
      <div class="row small">
        <span>{t('jobs.requests', { done: number(counts.completed), total: number(counts.total) })}</span>
        {counts.failed > 0 ? <span class="late">{t('batches.failed', { count: counts.failed })}</span> : null}
        <span>{eur(grid.cost.eur, 4)}</span>
        <span>{withUnit(grid.energy_wh, 'Wh')}</span>
        <span>{co2(grid.gco2)} CO₂</span>
        {isOpen ? (
          <span>
            {grid.eta === null ? t('jobs.noEta') : t('jobs.eta', { eta: dayAndTime(Date.parse(grid.eta), zone) })}
          </span>
        ) : null}
        <span>{t('batches.due', { due: dayAndTime(Date.parse(grid.deadline), zone) })}</span>
      </div>
      {reason ? <p class="why">{reason.text}</p> : null}
      {grid.planned_windows.length === 0 ? null : (
        <p class="why">
          {grid.planned_windows
            .slice(0, 4)
            .map(({ start, region }) => `${regionOf(region)} ${dayAndTime(Date.parse(start), zone)}`)
            .join(' · ')}
        </p>
      )}
    </li>
  );
}
