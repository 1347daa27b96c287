/** `/version`: the Kubernetes release whose API this is. */
export const KUBERNETES_VERSION = 'v1.36.4'

/** What a server says that it is, where it was not told to say otherwise. */
export const GIT_VERSION = `${KUBERNETES_VERSION}+canopus`

export function versionInfo(gitVersion = GIT_VERSION): Record<string, string> {
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION)!
  return {
    major: major!,
    minor: minor!,
    emulationMajor: major!,
    emulationMinor: minor!,
    minCompatibilityMajor: major!,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion,
    gitCommit: '0000000000000000000000000000000000000000',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: 'v8',
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  }
}
