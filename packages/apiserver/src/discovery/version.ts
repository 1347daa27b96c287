import { KUBERNETES_VERSION } from '@canopus/api'

const [, MAJOR, MINOR] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION)!

/** Its minor version, as a number. */
export const KUBERNETES_MINOR = Number(MINOR)

/** What a server says that it is, where it was not told to say otherwise. */
export const GIT_VERSION = `${KUBERNETES_VERSION}+canopus`

/** What `/version` answers. */
export function versionInfo(gitVersion = GIT_VERSION): Record<string, string> {
  return {
    major: MAJOR!,
    minor: MINOR!,
    emulationMajor: MAJOR!,
    emulationMinor: MINOR!,
    minCompatibilityMajor: MAJOR!,
    minCompatibilityMinor: String(KUBERNETES_MINOR - 1),
    gitVersion,
    gitCommit: '0000000000000000000000000000000000000000',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: 'v8',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  }
}
