/** The platform as the Temporal archives and the Go toolchain name it. */
export interface Target {
  readonly os: string;
  readonly arch: string;
  /** Of a program's file. */
  readonly programName: string;
}

const OS_NAMES: Partial<Record<NodeJS.Platform, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const ARCH_NAMES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/** @throws Error for a platform that Temporal does not ship for */
export function targetOf(platform: NodeJS.Platform, architecture: NodeJS.Architecture): Target {
  const [os, arch] = [OS_NAMES[platform], ARCH_NAMES[architecture]];
  if (os === undefined || arch === undefined)
    throw new Error(`there is no Temporal CLI for ${platform} ${architecture}`);
  return { os, arch, programName: os === 'windows' ? 'temporal.exe' : 'temporal' };
}
