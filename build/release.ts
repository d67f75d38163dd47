import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/**
 * Makes what belongs to a release, into `release/`: the package, its SBOM, its provenance, and the hashes of all three. Nothing
 * is published: that is a person's act.
 */
const folder = 'release';
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }).trim();
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

if (run('git', 'status', '--porcelain') !== '') {
  console.error('Commit first: a release is made of a commit, and its provenance names it.');
  process.exit(1);
}
const startedOn = new Date().toISOString();
mkdirSync(folder, { recursive: true });
const packed = z
  .array(z.object({ filename: z.string(), name: z.string(), version: z.string() }))
  .parse(JSON.parse(run('npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder)));
const [{ filename, name, version } = { filename: '', name: '', version: '' }] = packed;

// Of what is installed with it, without what it is built and tested by.
writeFileSync(
  join(folder, 'sbom.cdx.json'),
  `${run('npm', 'sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--omit', 'dev')}\n`,
);

/** SLSA provenance 1.0, as an in-toto statement: from which commit, by which lockfile, by which program. */
const provenance = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: `pkg:npm/${name}@${version}`, digest: { sha256: sha256(join(folder, filename)) } }],
  predicateType: 'https://slsa.dev/provenance/v1',
  predicate: {
    buildDefinition: {
      buildType: 'npm run release',
      externalParameters: {},
      resolvedDependencies: [
        { uri: 'git', digest: { gitCommit: run('git', 'rev-parse', 'HEAD') } },
        { uri: 'package-lock.json', digest: { sha256: sha256('package-lock.json') } },
      ],
    },
    runDetails: {
      builder: { id: `node ${process.version}, npm ${run('npm', '--version')}, ${process.platform}-${process.arch}` },
      metadata: { startedOn, finishedOn: new Date().toISOString() },
    },
  },
};
writeFileSync(join(folder, 'provenance.json'), `${JSON.stringify(provenance, null, 2)}\n`);

const files = [filename, 'sbom.cdx.json', 'provenance.json'];
writeFileSync(join(folder, 'SHA256SUMS'), files.map((file) => `${sha256(join(folder, file))}  ${file}\n`).join(''));
console.log(
  `${files.join(', ')} and SHA256SUMS are in ${folder}/. Sign SHA256SUMS, then: npm publish ${folder}/${filename}`,
);
