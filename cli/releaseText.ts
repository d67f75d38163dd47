import type { AgentReleasesWire } from '../api/wire/agentReleases.ts';
import { tableOf } from './table.ts';
import type { Terminal } from './terminal.ts';

/** Releases, then what each car runs. */
export function releasesText({ releases, cars }: AgentReleasesWire, { colors }: Pick<Terminal, 'colors'>): string {
  const published = releases.map(
    ({ version, name, published: isComplete, bytes, expires_at: expires, cars: running }) => [
      `${version}`,
      name,
      isComplete ? 'published' : 'incomplete',
      (bytes / 1e6).toFixed(1),
      expires.slice(0, 10),
      `${running}`,
    ],
  );
  const running = cars.map(({ car_id: car, version, ordered, failed, refused, told_at: told }) => [
    car,
    version === 0 ? 'its installation' : `${version}`,
    ordered === null ? '' : `${ordered}`,
    [...failed.map((each) => `${each} went back`), ...(refused === null ? [] : [`${refused} refused`])].join(', '),
    told,
  ]);
  return [
    releases.length === 0
      ? 'No release is published.\n'
      : tableOf(['release', 'name', 'state', 'MB', 'until', 'cars'], published, colors),
    cars.length === 0
      ? 'No agent takes releases.\n'
      : tableOf(['car', 'runs', 'told to run', 'what went wrong', 'heard at'], running, colors),
  ].join('\n');
}
