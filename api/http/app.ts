import { OpenAPIHono, type z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { requestId } from 'hono/request-id';

import { NightshiftError } from '../../domain/errors.ts';
import { OPENAI_ENDPOINTS } from '../../domain/models.ts';
import { withLogIds } from '../../domain/logContext.ts';
import { newId } from '../../domain/ids.ts';
import { issueText } from '../../domain/issueText.ts';
import { addAgentRoutes } from './agents.ts';
import { addAgentReleaseRoutes } from './agentReleases.ts';
import { authenticate, requireScope } from './auth.ts';
import { addAuditRoutes, auditChanges, AUDITED_PATHS } from './audit.ts';
import { addBatchEventRoutes } from './batchEvents.ts';
import { addBatchResubmissionRoutes } from './batchResubmission.ts';
import { addBatchRoutes } from './batches.ts';
import { limitAtOnce } from './callerLimits.ts';
import { addCapacityRoutes } from './capacity.ts';
import { addFleetSpeedRoutes } from './fleetSpeeds.ts';
import { addCarObjectRoutes, requireSlice } from './carObjects.ts';
import { identifyCarCaller } from './carCaller.ts';
import { identifyGridCaller } from './gridCaller.ts';
import { addCarNightRoutes } from './carNight.ts';
import type { ApiPorts } from './ports.ts';
import { addChargerRoutes } from './chargers.ts';
import { addTeslaRoutes } from './tesla.ts';
import { addEnrolmentRoutes } from './enrolments.ts';
import { answerError } from './errors.ts';
import { discard } from './discard.ts';
import { addEmbeddingRoutes } from './embeddings.ts';
import { addGenerationRoutes } from './generationRoutes.ts';
import { addFileRoutes } from './files.ts';
import { addFolderUploadRoutes } from './folderUploads.ts';
import { addGridConnectionRoutes } from './gridConnections.ts';
import { addGridEmergencyRoutes } from './gridEmergency.ts';
import { addGridEventRoutes } from './gridEvents.ts';
import { addGridRegionStateRoutes } from './gridRegionState.ts';
import { addGridRoutes } from './grid.ts';
import { addKeyRoutes } from './keys.ts';
import { addPayoutRoutes } from './money/payouts.ts';
import { addPayPreviewRoutes } from './money/payPreview.ts';
import { addPriceRoutes } from './money/prices.ts';
import { addStatementRoutes } from './money/statements.ts';
import { addDisputeRoutes } from './money/disputes.ts';
import { addInvoiceRoutes } from './money/invoices.ts';
import { addUsageRoutes } from './money/usage.ts';
import { addMarginRoutes } from './money/margins.ts';
import { addLedgerRoutes } from './money/ledger.ts';
import { addJournalRoutes } from './journal.ts';
import { addQuoteRoutes } from './quote.ts';
import { addModelUploadRoutes } from './modelUploads.ts';
import { addNamedModelRoutes } from './namedModelRoutes.ts';
import { addModelRoutes } from './modelRoutes.ts';
import { addOpenAdrCallbackRoutes } from './openAdrCallback.ts';
import { addOperatorActionRoutes } from './operatorActions.ts';
import { addPageCallerRoutes, identifyViewer } from './pageCaller.ts';
import { addPageEventRoutes } from './pageEvents.ts';
import { addPageFileRoutes } from './pageFiles.ts';
import { addPolicyPreviewRoutes } from './policyPreview.ts';
import { addQuoteCurveRoutes } from './quoteCurve.ts';
import { PlanForecasts } from './planForecasts.ts';
import { addTrainingRoutes } from './training.ts';
import { addTimelineRoutes } from './timelines.ts';
import { addOpenInferenceRoutes } from './openInference.ts';
import { addResponseRoutes } from './responses.ts';
import { checkStorable } from './storableRequest.ts';
import { addRolloutRoutes } from './rollouts.ts';
import { addSignInRoutes } from './signIn.ts';
import { addStatusRoutes } from './status.ts';
import { addWebhookRoutes } from './webhooks.ts';
import { addTrustRoutes } from './trust.ts';
import { addVehicleRoutes } from './vehicles.ts';

const MAX_JSON_BYTES = 1024 * 1024;
const MAX_TEXTS_BYTES = 16 * 1024 * 1024;
const MAX_SIGNALS_BYTES = 8 * 1024 * 1024;
const MAX_RELEASE_BYTES = 40 * 1024 * 1024;
const MAX_INFER_BYTES = 64 * 1024 * 1024;
const MONEY_PATHS = [
  '/ops/v1/ledger/*',
  '/ops/v1/price_books/*',
  '/ops/v1/payout_runs/*',
  '/ops/v1/payout_notices',
  '/ops/v1/payout_accounts/*',
  '/ops/v1/invoices',
  '/ops/v1/billing/*',
  '/ops/v1/deposits',
  '/ops/v1/margins',
  '/ops/v1/disputes/*',
];
const ROLLOUT_PATHS = ['/ops/v1/rollouts/*', '/ops/v1/model_pins'];
/** Of one key: each is planned for seconds. */
const MAX_QUOTES_AT_ONCE = 1;
/** Of one key. A live executor holds 64 in all. */
const MAX_LIVE_AT_ONCE = 16;
const MAX_REQUESTS_AT_ONCE = 100;
const MAX_DISCARDED_JSON_BYTES = 64 * 1024 * 1024;

/**
 * The HTTP API: OpenAI's Files and Batches below /v1, operations below /ops/v1, grid signals below /grid/v1, cars below
 * /fleet/v1, /health and /openapi.json; the page for people at /, and what it asks for below /page/v1.
 */
export function createApi(ports: ApiPorts): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook: (result, c) => {
      if (result.success) return checkStorable(result.target, c.req.path, result.data);
      const problems = result.error.issues.flatMap(problemsOf);
      const named = problems.filter(({ field }) => field !== '');
      const message = problemsText(named) || `The ${result.target} is missing or malformed.`;
      throw new NightshiftError('invalid_request', message, named[0] ? { field: named[0].field } : {});
    },
  });
  app.onError((error, c) => answerError(error, c, ports.logger));

  app.use(requestId({ headerName: 'x-request-id', generator: () => newId('req_', ports.now()) }));
  app.use(logRequest(ports));
  const authenticated = authenticate(ports);
  const gridPaths = ['/grid/v1/connections/*', '/grid/v1/events/*', '/grid/v1/regions/*'];
  const callersHeld = limitAtOnce(MAX_REQUESTS_AT_ONCE, 'requests');
  for (const path of ['/v1/*', '/v2/models/*', '/ops/*', ...gridPaths]) app.use(path, authenticated, callersHeld);
  app.use('/grid/v1/connections/*', requireScope('ops'));
  for (const path of ['/grid/v1/events/*', '/grid/v1/regions/*']) app.use(path, identifyGridCaller());
  for (const path of gridPaths) app.use(path, limitJson(MAX_SIGNALS_BYTES));
  // A utility's server presents the connection's own token, not a key of ours.
  app.use('/grid/v1/openadr/*', limitJson(MAX_JSON_BYTES));
  // A car presents the token that came with its shard; without one, nothing of its body is read.
  for (const path of ['/cars/v1/object', '/cars/v1/objects']) app.use(path, requireSlice(ports));
  for (const path of ['/cars/v1/keys', '/cars/v1/release']) app.use(path, limitJson(MAX_JSON_BYTES));
  app.use('/ops/v1/agent_releases', limitJson(MAX_RELEASE_BYTES));
  for (const path of ['/ops/v1/keys/*', '/ops/v1/tenants/*'])
    app.use(path, requireScope('keys'), limitJson(MAX_JSON_BYTES));
  for (const path of MONEY_PATHS) app.use(path, requireScope('money'), limitJson(MAX_SIGNALS_BYTES));
  for (const path of [
    '/ops/v1/status',
    '/ops/v1/audit',
    '/ops/v1/journal/*',
    '/ops/v1/jobs/*',
    '/ops/v1/cars/*',
    '/ops/v1/agent_releases/*',
    ...ROLLOUT_PATHS,
  ])
    app.use(path, requireScope('ops'));
  for (const path of ['/ops/v1/jobs/*', '/ops/v1/cars/*', ...ROLLOUT_PATHS]) app.use(path, limitJson(MAX_JSON_BYTES));
  for (const path of [
    '/v1/files/*',
    '/v1/batches/*',
    '/v1/training_runs/*',
    '/v1/webhook_endpoints/*',
    '/v1/organization/*',
    '/v1/responses/*',
    ...OPENAI_ENDPOINTS,
  ]) {
    app.use(path, requireScope('submit'));
  }
  for (const path of ['/v1/batches/*', '/v1/training_runs/*', '/v1/webhook_endpoints/*'])
    app.use(path, limitJson(MAX_JSON_BYTES));
  const quotesHeld = limitAtOnce(MAX_QUOTES_AT_ONCE, 'quotes');
  for (const path of ['/v1/batches/quote', '/v1/batches/quote/curve']) app.use(path, quotesHeld);
  const liveHeld = limitAtOnce(MAX_LIVE_AT_ONCE, 'live requests');
  for (const path of OPENAI_ENDPOINTS) app.use(path, liveHeld, limitJson(MAX_TEXTS_BYTES));
  app.use('/v2/models/*', liveHeld, limitJson(MAX_INFER_BYTES));
  app.use('/page/v1/*', identifyViewer(ports, authenticated));
  app.use('/fleet/*', identifyCarCaller(ports.database, authenticated), limitJson(MAX_JSON_BYTES));

  const audited = auditChanges(ports);
  for (const path of AUDITED_PATHS) app.use(path, audited);

  const forecasts = new PlanForecasts(ports.database, ports.cell.id);
  addSignInRoutes(app, ports);
  addPageFileRoutes(app, ports);
  addPageCallerRoutes(app, ports);
  addPageEventRoutes(app, ports, forecasts);
  addTimelineRoutes(app, ports, forecasts);
  addFileRoutes(app, ports);
  // Before the batches: "quote" is no id.
  addQuoteRoutes(app, ports);
  addQuoteCurveRoutes(app, ports);
  addBatchRoutes(app, ports);
  addBatchResubmissionRoutes(app, ports);
  addBatchEventRoutes(app, ports);
  addTrainingRoutes(app, ports);
  addWebhookRoutes(app, ports);
  addEmbeddingRoutes(app, ports);
  addNamedModelRoutes(app, ports);
  addGenerationRoutes(app, ports);
  addResponseRoutes(app, ports);
  addModelRoutes(app, ports);
  addModelUploadRoutes(app, ports);
  addFolderUploadRoutes(app, ports);
  addOpenInferenceRoutes(app, ports);
  addKeyRoutes(app, ports);
  addLedgerRoutes(app, ports);
  addPriceRoutes(app, ports);
  addPayPreviewRoutes(app, ports);
  addPayoutRoutes(app, ports);
  addStatementRoutes(app, ports);
  addInvoiceRoutes(app, ports);
  addUsageRoutes(app, ports);
  addDisputeRoutes(app, ports);
  addMarginRoutes(app, ports);
  addGridConnectionRoutes(app, ports);
  addGridEventRoutes(app, ports);
  addGridRegionStateRoutes(app, ports);
  addGridEmergencyRoutes(app, ports);
  addOpenAdrCallbackRoutes(app, ports);
  addJournalRoutes(app, ports);
  addAuditRoutes(app, ports);
  addOperatorActionRoutes(app, ports);
  addRolloutRoutes(app, ports);
  addStatusRoutes(app, ports);
  addGridRoutes(app, ports);
  addAgentRoutes(app, ports);
  addAgentReleaseRoutes(app, ports);
  addCarObjectRoutes(app, ports);
  addCapacityRoutes(app, ports);
  addFleetSpeedRoutes(app, ports);
  addEnrolmentRoutes(app, ports);
  addChargerRoutes(app, ports);
  addTeslaRoutes(app, ports);
  addVehicleRoutes(app, ports);
  addCarNightRoutes(app, ports, forecasts);
  addPolicyPreviewRoutes(app, ports, forecasts);
  addTrustRoutes(app, ports);
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', { type: 'http', scheme: 'bearer' });
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Nightshift', version: '1' },
    security: [{ key: [] }],
  });

  const methods = methodsByPath(app);
  app.notFound((c) => {
    const matching = methods.filter(({ path }) => path.test(c.req.path));
    const allowed = [...new Set(matching.map(({ method }) => method))];
    if (allowed.length === 0) {
      const known = ['/v1/files', '/v1/batches', '/v1/models', ...OPENAI_ENDPOINTS];
      const instead = c.req.path.startsWith('/v1/') ? ` There are ${known.join(', ')}; /openapi.json has all.` : '';
      throw new NightshiftError('not_found', `There is no route ${c.req.path}.${instead}`);
    }
    c.header('allow', allowed.join(', '));
    throw new NightshiftError('method_not_allowed', `${c.req.path} takes ${allowed.join(', ')}, not ${c.req.method}.`);
  });
  return app;
}

const MAX_PROBLEMS_TOLD = 10;

/** Each field with what is wrong with it; a field that is not known is named itself. */
function problemsText(problems: readonly FieldProblem[]): string {
  const told = problems.slice(0, MAX_PROBLEMS_TOLD).map(({ field, text }) => `${field}: ${text}.`);
  const left = problems.length - told.length;
  return [...told, ...(left > 0 ? [`And ${left} more.`] : [])].join(' ');
}

interface FieldProblem {
  readonly field: string;
  readonly text: string;
}

function problemsOf(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code !== 'unrecognized_keys') return [{ field: issue.path.join('.'), text: issueText(issue) }];
  return issue.keys.map((key) => ({
    field: [...issue.path, key.slice(0, 60)].join('.'),
    text: 'there is no such field',
  }));
}

function limitJson(maxSize: number): MiddlewareHandler {
  const counting = bodyLimit({
    maxSize,
    onError: async (c) => {
      await discard(c.req.raw.body, MAX_DISCARDED_JSON_BYTES);
      throw new NightshiftError('payload_too_large', `The body has more than ${maxSize} bytes.`);
    },
  });
  return async (c, next) => {
    // Node reads no more than the length that is declared. To look at the body as bodyLimit does would make a web
    // stream of it, which costs a live request more than all else that is done here.
    const declaredBytes = Number(c.req.header('content-length') ?? Number.NaN);
    if (declaredBytes <= maxSize && c.req.header('transfer-encoding') === undefined) return next();
    return counting(c, next);
  };
}

const AREAS: readonly string[] = ['v1', 'v2', 'ops', 'grid', 'fleet', 'cars', 'page', 'health'];

/** First part of the path; whatever else is asked for, the page's files among it, is one more. */
function areaOf(path: string): string {
  const first = path.split('/', 2)[1] ?? '';
  return AREAS.includes(first) ? first : 'other';
}

function logRequest({ logger, now, onAnswered }: ApiPorts): MiddlewareHandler {
  return async (c, next) => {
    const startRealMs = now();
    await withLogIds({ requestId: c.get('requestId') }, next);
    const { method, path } = c.req;
    const { status } = c.res;
    const realMs = now() - startRealMs;
    onAnswered?.({ area: areaOf(path), status: `${Math.floor(status / 100)}xx`, seconds: realMs / 1_000 });
    logger.debug({ requestId: c.get('requestId'), method, path, status, realMs }, 'request');
  };
}

function methodsByPath(app: OpenAPIHono): { method: string; path: RegExp }[] {
  return app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => ({ method, path: new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`) }));
}
