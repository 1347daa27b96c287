/**
 * `--emulated-version` and `--min-compatibility-version` (k8s.io/component-base/compatibility): taken where they say what is so
 * anyway, since older versions are not emulated here.
 */
import { KUBERNETES_MINOR as BINARY } from '../discovery/version.ts'

export interface EffectiveVersionFlags {
  readonly emulatedVersion?: readonly string[]
  readonly minCompatibilityVersion?: readonly string[]
  readonly emulationForwardCompatible?: boolean
  readonly runtimeConfigEmulationForwardCompatible?: boolean
}

/** Upstream emulates no more than three minor versions back. */
const FLOOR = BINARY - 3
/** What the components of a control plane may be older by. */
export const COMPATIBLE = BINARY - 1

/** Throws TypeError, in upstream's words where upstream refuses. */
export function checkEffectiveVersion(flags: EffectiveVersionFlags): void {
  const emulated = versionOf(flags.emulatedVersion) ?? BINARY
  const compatible = versionOf(flags.minCompatibilityVersion) ?? Math.max(emulated - 1, FLOOR)
  within('emulation version', emulated, BINARY)
  within('minCompatibilityVersion version', compatible, emulated)
  if (emulated === BINARY) {
    refuseForward('EmulationForwardCompatible', flags.emulationForwardCompatible)
    refuseForward('RuntimeConfigEmulationForwardCompatible', flags.runtimeConfigEmulationForwardCompatible)
  }
  if (emulated !== BINARY) throw new TypeError(`to emulate 1.${emulated} is not implemented: it is always 1.${BINARY}`)
  if (compatible === COMPATIBLE) return
  throw new TypeError(`a minimum of 1.${compatible} is not implemented: it is always 1.${COMPATIBLE}`)
}

function within(what: string, minor: number, most: number): void {
  if (minor >= FLOOR && minor <= most) return
  throw new TypeError(`${what} 1.${minor} is not between [1.${FLOOR}, 1.${most}]`)
}

function refuseForward(option: string, given: boolean | undefined): void {
  if (!given) return
  const why = 'cannot be set to true if the emulation version is the same as the binary version'
  throw new TypeError(`ServerRunOptions.${option} ${why}`)
}

/** The minor version that the flag gives to `kube`. */
function versionOf(words: readonly string[] = []): number | undefined {
  let found: number | undefined
  for (const word of words) {
    const at = word.indexOf('=')
    const [component, text] = at < 0 ? ['kube', word] : [word.slice(0, at).trim(), word.slice(at + 1).trim()]
    const [, major, minor, patch] = /^\s*v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? []
    if (major === undefined) throw new TypeError(`could not parse ${JSON.stringify(text)} as version`)
    const version = `${major}.${minor}`
    if (Number(patch ?? 0) !== 0) {
      throw new TypeError(`patch version not allowed, got: ${component}=${version}.${patch}`)
    }
    if (component !== 'kube') throw new TypeError(`component not registered: ${component}`)
    if (found !== undefined) throw new TypeError(`duplicate version flag, kube=1.${found} and kube=${version}`)
    // Other majors are as far away as versions can be.
    found = Number(major) === 1 ? Number(minor) : Number(major) * 1000
  }
  return found
}
