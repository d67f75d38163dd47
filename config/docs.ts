import { CONFIG_KEY_NAMES, CONFIG_KEYS, type ConfigKey } from './keys.ts';

/** docs/configuration.md, from the table of keys. */
export function renderConfigurationDocs(): string {
  const rows = CONFIG_KEY_NAMES.map((name) => {
    const key: ConfigKey = CONFIG_KEYS[name];
    const shownDefault = key.default === undefined ? 'unset' : `\`${key.default}\``;
    return `| \`${name}\` | \`${key.env}\` | ${shownDefault} | ${key.doc} |`;
  });
  return `${INTRODUCTION}
| key in the file | variable | default | meaning |
|---|---|---|---|
${rows.join('\n')}

${TEMPORAL}`;
}

const INTRODUCTION = `# Configuration

<!-- Written by build/write-config-docs.ts from config/keys.ts. -->

A value comes from the first of these that sets it:

1. the environment,
2. the config file: YAML or JSON, at the path in \`NIGHTSHIFT_CONFIG\`, else \`./nightshift.yaml\` if there is one
   (\`NIGHTSHIFT_CONFIG\` set to nothing: no file is read),
3. the default.

Keys nest in the file: \`api.port\` is \`port\` below \`api\`. An unknown key, and an unknown variable that starts with
\`NIGHTSHIFT_\`, is an error. Relative paths in the file are meant from the file's folder, those in the environment from the
current folder. To run two checkouts on one machine, give the second one other ports.
`;

const TEMPORAL = `## Temporal server

\`TEMPORAL_ADDRESS\` names a server to use instead of the embedded one. With it, the variables of the Temporal SDK apply:
\`TEMPORAL_NAMESPACE\`, \`TEMPORAL_API_KEY\`, \`TEMPORAL_TLS\`, \`TEMPORAL_TLS_CLIENT_CERT_PATH\`, \`TEMPORAL_TLS_CLIENT_KEY_PATH\`,
\`TEMPORAL_TLS_SERVER_CA_CERT_PATH\`, \`TEMPORAL_TLS_SERVER_NAME\`. A profile of a Temporal config file is used only when
\`TEMPORAL_PROFILE\` or \`TEMPORAL_CONFIG_FILE\` asks for it.
`;
