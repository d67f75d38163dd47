import { z } from 'zod';
import { TELEMETRY_BASE } from '../domain/names.ts';
import { CONNECTION_LIMITS } from '../domain/connectionLimits.ts';
import { WEBHOOK_HOSTS } from '../domain/webhookTargets.ts';

/** One configuration key: where it can be set, what it accepts, what it means. */
export interface ConfigKey {
  /** Refuses with the limit, since the message is shown beside the key's name. */
  readonly schema: z.ZodType;
  /** In words when it depends on the machine; `undefined` when the key may stay unset. */
  readonly default: string | number | undefined;
  readonly env: string;
  readonly doc: string;
  /** Relative paths are resolved: against the file's folder when set there, else against the current folder. */
  readonly isPath?: true;
  /** Never shown in an error. */
  readonly isSecret?: true;
}

const text = z.string().min(1, 'must be a text that is not empty');
const url = (...schemes: readonly string[]) =>
  text.refine(
    (value) => URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)),
    `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
  );
const PORT_LIMIT = 'must be a whole number from 1 to 65535';
const port = z.number(PORT_LIMIT).int(PORT_LIMIT).min(1, PORT_LIMIT).max(65535, PORT_LIMIT);
const CONNECTIONS_LIMIT = 'must be a whole number from 16 to 1000000';
const connections = z.coerce
  .number(CONNECTIONS_LIMIT)
  .int(CONNECTIONS_LIMIT)
  .min(16, CONNECTIONS_LIMIT)
  .max(1_000_000, CONNECTIONS_LIMIT);

const secretKey = z.string().min(24, 'must be keys of at least 24 characters each, separated by commas');
const secretKeys = text
  .transform((keys) => keys.split(',').map((key) => key.trim()))
  .pipe(z.tuple([secretKey], secretKey))
  .optional();

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Every key with its default; docs/configuration.md is written from this table. */
export const CONFIG_KEYS = {
  stateDir: {
    schema: text,
    default: '.nightshift',
    env: 'NIGHTSHIFT_STATE_DIR',
    isPath: true,
    doc: 'Folder that holds everything the local stack keeps: databases, objects, logs, passwords. One supervisor per folder.',
  },
  cacheDir: {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_CACHE_DIR',
    isPath: true,
    doc: 'Folder for what can be fetched or built again: the Temporal binary. Unset: `$XDG_CACHE_HOME/nightshift`, else `~/.cache/nightshift`.',
  },
  logLevel: {
    schema: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`),
    default: 'info',
    env: 'NIGHTSHIFT_LOG_LEVEL',
    doc: `Least level that is logged: ${LOG_LEVELS.join(', ')}.`,
  },
  cellFile: {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_CELL_FILE',
    isPath: true,
    doc: 'File that describes the cell: its regions, feeders, cars and feeds. `npm start` writes one for its simulated night.',
  },
  missingEurPerKwh: {
    schema: z.number('must be a number of EUR from 0 to 10').min(0, 'must be at least 0').max(10, 'must be at most 10'),
    default: 0.6,
    env: 'NIGHTSHIFT_MISSING_EUR_PER_KWH',
    doc: 'What a kWh is worth that a car leaves without, EUR, where its owner’s policy does not say: about what public charging costs. The planner weighs it, times the chance of an early departure, against cheap and clean hours.',
  },
  nightFile: {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_NIGHT_FILE',
    isPath: true,
    doc: 'File that scripts the simulated night of `npm start`: its cars, signals and batch. Unset: `demo/night/winter-night.yaml`.',
  },
  'temporal.executable': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_TEMPORAL_EXECUTABLE',
    isPath: true,
    doc: 'Path of a `temporal` binary to start the embedded server with. Unset: PATH, the cache, the archive, the Go toolchain, in this order.',
  },
  'temporal.port': {
    schema: port,
    default: 7233,
    env: 'NIGHTSHIFT_TEMPORAL_PORT',
    doc: 'Port of the embedded Temporal server, on 127.0.0.1.',
  },
  'temporal.uiPort': {
    schema: port,
    default: 8233,
    env: 'NIGHTSHIFT_TEMPORAL_UI_PORT',
    doc: 'Port of the embedded Temporal Web UI, on 127.0.0.1.',
  },
  'temporal.uiUrl': {
    schema: url('https', 'http').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_TEMPORAL_UI_URL',
    doc: 'Where people find the Temporal Web UI: the page links workflows to it. Unset: that of the embedded server, else none.',
  },
  'temporal.archiveUrl': {
    schema: url('https', 'http'),
    default: 'https://temporal.download/cli/archive',
    env: 'NIGHTSHIFT_TEMPORAL_ARCHIVE_URL',
    doc: 'Base URL of the archives of the Temporal CLI; `/v<version>?platform=<os>&arch=<cpu>` is appended.',
  },
  'temporal.namespace': {
    schema: text,
    default: 'default',
    env: 'NIGHTSHIFT_TEMPORAL_NAMESPACE',
    doc: 'Temporal namespace. `TEMPORAL_NAMESPACE` or the chosen Temporal profile comes before it.',
  },
  'postgres.port': {
    schema: port,
    default: 54329,
    env: 'NIGHTSHIFT_POSTGRES_PORT',
    doc: 'Port of the embedded PostgreSQL, on 127.0.0.1.',
  },
  databaseUrl: {
    schema: url('postgres', 'postgresql').optional(),
    default: undefined,
    env: 'DATABASE_URL',
    isSecret: true,
    doc: 'A PostgreSQL to use instead of the embedded one, e.g. `postgres://user:password@host:5432/nightshift`.',
  },
  'mqtt.port': {
    schema: port,
    default: 18830,
    env: 'NIGHTSHIFT_MQTT_PORT',
    doc: 'Port of the embedded MQTT broker, on 127.0.0.1.',
  },
  'mqtt.url': {
    schema: url('mqtt', 'mqtts', 'ws', 'wss').optional(),
    default: undefined,
    env: 'MQTT_URL',
    isSecret: true,
    doc: 'An MQTT 3.1.1 broker to use instead of the embedded one, e.g. `mqtts://user:password@host:8883`.',
  },
  'mqtt.carUrl': {
    schema: url('mqtt', 'mqtts', 'ws', 'wss').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_MQTT_CAR_URL',
    doc: "The broker as cars reach it, without credentials: a car's are its id and its key. Unset: as `mqtt.url`.",
  },
  'mqtt.telemetryBase': {
    schema: text.regex(/^[^#+/]+(\/[^#+/]+)*$/, 'must be an MQTT topic without wildcards'),
    default: TELEMETRY_BASE,
    env: 'NIGHTSHIFT_MQTT_TELEMETRY_BASE',
    doc: 'Topic below which the fleet telemetry server publishes: its `topic_base`.',
  },
  'objects.url': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_OBJECTS_URL',
    isPath: true,
    doc: 'Where inputs, models and answers are kept: a folder, or `s3://bucket/prefix`. Unset: `objects` in `stateDir`.',
  },
  'objects.endpoint': {
    schema: url('https', 'http').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_OBJECTS_ENDPOINT',
    doc: 'Endpoint of an S3-compatible store. Unset: Amazon S3 in `objects.region`. Credentials come from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.',
  },
  'objects.region': {
    schema: text,
    default: 'us-east-1',
    env: 'NIGHTSHIFT_OBJECTS_REGION',
    doc: 'Region that requests to an S3 store are signed for.',
  },
  'objects.encryptionKeys': {
    schema: secretKeys,
    default: undefined,
    env: 'NIGHTSHIFT_OBJECTS_ENCRYPTION_KEYS',
    isSecret: true,
    doc: 'Keys that objects are encrypted with before they are stored, separated by commas: the first one encrypts, all decrypt. Unset: objects are stored as they are.',
  },
  'objects.carUrl': {
    schema: url('https', 'http').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_OBJECTS_CAR_URL',
    doc: 'Base URL of the HTTP API as cars reach it. Each shard comes with a signed token that expires, by which its car reads that shard and writes its own parts of it, over the API; the gateway puts the car into the token. Unset: `api.host` and `api.port`.',
  },
  'api.host': {
    schema: text,
    default: '127.0.0.1',
    env: 'NIGHTSHIFT_API_HOST',
    doc: 'Address that the HTTP API listens on.',
  },
  'api.key': {
    schema: text.min(16, 'must have at least 16 characters').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_API_KEY',
    isSecret: true,
    doc: 'Key that callers of the API present as `Authorization: Bearer`. Unset: one is made up and kept in `stateDir`.',
  },
  'ocpp.host': {
    schema: text,
    default: '127.0.0.1',
    env: 'NIGHTSHIFT_OCPP_HOST',
    doc: 'Address that chargers connect to, over OCPP.',
  },
  'ocpp.port': {
    schema: port.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_OCPP_PORT',
    doc: 'Port that chargers connect to, at `/ocpp/<id>`. Unset: no charger connects.',
  },
  'ocpp.certificateFile': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_OCPP_CERTIFICATE_FILE',
    isPath: true,
    doc: 'Certificate chain (PEM) for chargers, with `ocpp.keyFile`: security profile 2. Unset: profile 1, for a network that only chargers are on.',
  },
  'ocpp.keyFile': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_OCPP_KEY_FILE',
    isPath: true,
    doc: 'Private key (PEM) of the certificate for chargers.',
  },
  'tesla.apiUrl': {
    schema: url('https', 'http').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_TESLA_API_URL',
    doc: 'Base URL of Tesla’s Fleet API in your region, e.g. `https://fleet-api.prd.eu.vn.cloud.tesla.com`. Unset: no car is told by commands ([docs](tesla.md)).',
  },
  'tesla.commandUrl': {
    schema: url('https', 'http').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_TESLA_COMMAND_URL',
    doc: 'Base URL of the proxy that signs commands with your application’s key: `tesla-http-proxy`. Unset: as `tesla.apiUrl`, for cars that take unsigned commands.',
  },
  'tesla.tokenUrl': {
    schema: url('https', 'http'),
    default: 'https://fleet-auth.prd.vn.cloud.tesla.com/oauth2/v3/token',
    env: 'NIGHTSHIFT_TESLA_TOKEN_URL',
    doc: 'Where tokens of linked accounts are exchanged.',
  },
  'tesla.clientId': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_TESLA_CLIENT_ID',
    doc: 'Client id of your application at developer.tesla.com. Must be set with `tesla.apiUrl`.',
  },
  'tesla.clientSecret': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_TESLA_CLIENT_SECRET',
    isSecret: true,
    doc: 'Client secret of your application. Unset: it has none, as applications whose source is open.',
  },
  'tesla.telemetryHost': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_TESLA_TELEMETRY_HOST',
    doc: 'Host of your `fleet-telemetry` server, with `tesla.telemetryCaFile`: cars are configured to stream to it. Unset: somebody else configures them.',
  },
  'tesla.telemetryPort': {
    schema: port,
    default: 443,
    env: 'NIGHTSHIFT_TESLA_TELEMETRY_PORT',
    doc: 'Port of your `fleet-telemetry` server, as cars reach it.',
  },
  'tesla.telemetryCaFile': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_TESLA_TELEMETRY_CA_FILE',
    isPath: true,
    doc: 'Certificate authority (PEM) of your `fleet-telemetry` server.',
  },
  'tesla.maxUsdPerCarMonth': {
    schema: z
      .number('must be a number of USD from 0 to 1000')
      .min(0, 'must be at least 0')
      .max(1000, 'must be at most 1000'),
    default: 5,
    env: 'NIGHTSHIFT_TESLA_MAX_USD_PER_CAR_MONTH',
    doc: 'What commands, requests and wakes of one car may cost in a calendar month, USD. Beyond it a car is only told to stop for the grid.',
  },
  'gateway.host': {
    schema: text,
    default: '127.0.0.1',
    env: 'NIGHTSHIFT_GATEWAY_HOST',
    doc: "Address that the cars' gateway to Temporal listens on.",
  },
  'gateway.port': {
    schema: port,
    default: 7243,
    env: 'NIGHTSHIFT_GATEWAY_PORT',
    doc: "Port that the cars' gateway to Temporal listens on.",
  },
  'gateway.address': {
    schema: text.regex(/^[^/\s]+:\d+$/, 'must be host:port').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_GATEWAY_ADDRESS',
    doc: 'Where cars reach the gateway, as host:port. Unset: `gateway.host` and `gateway.port`.',
  },
  'gateway.certificateFile': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_GATEWAY_CERTIFICATE_FILE',
    isPath: true,
    doc: 'Certificate chain (PEM) of the gateway, with `gateway.keyFile`. Unset: it speaks without TLS, for one machine or behind a proxy that has it.',
  },
  'gateway.keyFile': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_GATEWAY_KEY_FILE',
    isPath: true,
    doc: "Private key (PEM) of the gateway's certificate.",
  },
  secretsKey: {
    schema: text.min(24, 'must have at least 24 characters').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_SECRETS_KEY',
    isSecret: true,
    doc: "Key that utilities' credentials and webhooks' secrets are sealed with in the database, and that tokens for cars are signed and sealed with; the same for all processes of a cell. Must be set with `databaseUrl` or an `s3://` store. Unset: one is made up and kept in `stateDir`.",
  },
  previousSecretsKeys: {
    schema: secretKeys,
    default: undefined,
    env: 'NIGHTSHIFT_PREVIOUS_SECRETS_KEYS',
    isSecret: true,
    doc: "Further keys, separated by commas, with which sealed secrets and cars' tokens are opened, but nothing is sealed: to [change `secretsKey`](backup.md#another-secrets-key) without a pause.",
  },
  'webhooks.hosts': {
    schema: z.enum(WEBHOOK_HOSTS, `must be one of ${WEBHOOK_HOSTS.join(', ')}`),
    default: 'public',
    env: 'NIGHTSHIFT_WEBHOOKS_HOSTS',
    doc: 'Where webhooks may go: `public` is https to public addresses, `loopback` also http and https to this machine, `any` also http and private networks.',
  },
  'models.maxBytes': {
    schema: z.coerce
      .number()
      .int()
      .min(1)
      .max(1024 ** 4),
    default: 8 * 1024 ** 3,
    env: 'NIGHTSHIFT_MODELS_MAX_BYTES',
    doc: 'Most bytes that a model which is added may have, all its files together.',
  },
  'models.cacheBytes': {
    schema: z.coerce
      .number()
      .int()
      .min(1)
      .max(1024 ** 5),
    default: 16 * 1024 ** 3,
    env: 'NIGHTSHIFT_MODELS_CACHE_BYTES',
    doc: 'Disk that the API uses for models; those used least recently make room.',
  },
  'models.embedding': {
    schema: z.enum(['lsa-wordnet', 'none'], 'must be lsa-wordnet or none'),
    default: 'lsa-wordnet',
    env: 'NIGHTSHIFT_MODELS_EMBEDDING',
    doc: 'Text embedding that a new cell builds by itself, within minutes and at lowest priority: a bag of words for machines without network. `none` where a sentence encoder is brought.',
  },
  'models.hub': {
    schema: z.url({ protocol: /^https?$/ }),
    default: 'https://huggingface.co',
    env: 'NIGHTSHIFT_MODELS_HUB',
    doc: 'Where `nightshift model pull` finds models: any server that speaks like Hugging Face’s hub.',
  },
  'retention.days': {
    schema: z.coerce.number().int().min(7, 'must be at least 7').max(36_500, 'must be at most 36500'),
    default: 90,
    env: 'NIGHTSHIFT_RETENTION_DAYS',
    doc: 'Days of grid time for which plans, the journal, the changes of who holds a car, and signals are kept. What was paid and metered is kept for ever.',
  },
  'retention.settledDays': {
    schema: z.coerce.number().int().min(60, 'must be at least 60').max(36_500, 'must be at most 36500'),
    default: 400,
    env: 'NIGHTSHIFT_RETENTION_SETTLED_DAYS',
    doc: 'Days after the end for which it is known who answered which shard of a batch and how that was checked, and for which utility events are kept with their reports (grid time). Then a batch keeps its sums, and goes once none of its result files is left; an event goes once its server shows it no more. Bookings, invoices and statements of stays are kept for ever.',
  },
  'retention.orphanDays': {
    schema: z.coerce.number().int().min(1, 'must be at least 1').max(36_500, 'must be at most 36500'),
    default: 7,
    env: 'NIGHTSHIFT_RETENTION_ORPHAN_DAYS',
    doc: 'Days after which a stored object goes that nothing names any more: files of removed models, uploads that broke off.',
  },
  'connections.max': {
    schema: connections,
    default: CONNECTION_LIMITS.max,
    env: 'NIGHTSHIFT_CONNECTIONS_MAX',
    doc: 'Connections that the API, the embedded MQTT broker, the gateway and the server for chargers each hold at once. Further ones are refused (503, return code 3, GOAWAY; inside TLS they are closed). Each needs a file descriptor.',
  },
  'connections.maxPerAddress': {
    schema: connections,
    default: CONNECTION_LIMITS.maxPerAddress,
    env: 'NIGHTSHIFT_CONNECTIONS_MAX_PER_ADDRESS',
    doc: 'Of those, how many may come from one address: behind a proxy all callers have the same one.',
  },
  'traces.url': {
    schema: url('https', 'http').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_TRACES_URL',
    doc: 'Collector of OpenTelemetry that takes OTLP over HTTP, e.g. `http://collector:4318/v1/traces`: traces of jobs from the API over workflow and activities to parts. Unset: none are made.',
  },
  'traces.ratio': {
    schema: z.coerce.number().min(0, 'must be from 0 to 1').max(1, 'must be from 0 to 1'),
    default: 0.1,
    env: 'NIGHTSHIFT_TRACES_RATIO',
    doc: 'Share of the jobs that are traced; all processes choose the same ones.',
  },
  'metrics.host': {
    schema: text,
    default: '127.0.0.1',
    env: 'NIGHTSHIFT_METRICS_HOST',
    doc: 'Address that metrics and probes are served at. Anybody who reaches it reads them.',
  },
  'metrics.port': {
    schema: port.max(65_532, 'must be at most 65532').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_METRICS_PORT',
    doc: 'Port of `/metrics`, `/live` and `/ready` of the control process; the API has the next one, then the gateway, then charging. Unset: none are served.',
  },
  'accounts.issuer': {
    schema: url('https', 'http').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_ACCOUNTS_ISSUER',
    doc: 'Issuer of OpenID Connect where people have their accounts: they sign in at the page with them, beside keys. http on loopback only.',
  },
  'accounts.clientId': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_ACCOUNTS_CLIENT_ID',
    doc: 'As what the issuer knows Nightshift.',
  },
  'accounts.clientSecret': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_ACCOUNTS_CLIENT_SECRET',
    isSecret: true,
    doc: 'Unset for a public client.',
  },
  'accounts.publicUrl': {
    schema: url('https', 'http').optional(),
    default: undefined,
    env: 'NIGHTSHIFT_ACCOUNTS_PUBLIC_URL',
    doc: 'This API as browsers reach it; `/sign-in/callback` below it is to be registered with the issuer.',
  },
  'accounts.rolesClaim': {
    schema: text,
    default: 'groups',
    env: 'NIGHTSHIFT_ACCOUNTS_ROLES_CLAIM',
    doc: 'Claim of the ID token that says what people may do.',
  },
  'accounts.roles': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_ACCOUNTS_ROLES',
    doc: 'What values of it allow, e.g. `operators=ops+money+keys+models+submit, researchers=submit`. Who has none is not let in.',
  },
  'api.certificateFile': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_API_CERTIFICATE_FILE',
    isPath: true,
    doc: 'PEM file of the certificate that the API shows, with its chain. It is read again by itself when it is renewed. Unset: HTTP without TLS, for a proxy in front.',
  },
  'api.keyFile': {
    schema: text.optional(),
    default: undefined,
    env: 'NIGHTSHIFT_API_CERTIFICATE_KEY_FILE',
    isPath: true,
    doc: 'PEM file of that certificate’s key.',
  },
  'api.port': { schema: port, default: 8787, env: 'NIGHTSHIFT_API_PORT', doc: 'Port that the HTTP API listens on.' },
} as const satisfies Record<string, ConfigKey>;

export type ConfigKeyName = keyof typeof CONFIG_KEYS;

/** The validated value of every key, by its dotted name. */
export type ConfigValues = { readonly [Name in ConfigKeyName]: z.output<(typeof CONFIG_KEYS)[Name]['schema']> };

export function isConfigKeyName(name: string): name is ConfigKeyName {
  return Object.hasOwn(CONFIG_KEYS, name);
}

export const CONFIG_KEY_NAMES: readonly ConfigKeyName[] = Object.keys(CONFIG_KEYS).filter(isConfigKeyName);
