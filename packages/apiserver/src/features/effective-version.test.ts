import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkEffectiveVersion, type EffectiveVersionFlags } from './effective-version.ts'

describe('--emulated-version and --min-compatibility-version', () => {
  const taken: EffectiveVersionFlags[] = [
    {},
    { emulatedVersion: ['1.36'] },
    { emulatedVersion: ['kube=1.36.0'], minCompatibilityVersion: ['1.35'], emulationForwardCompatible: false },
  ]
  for (const flags of taken) it(`taken: ${JSON.stringify(flags)}`, () => checkEffectiveVersion(flags))

  const forward = 'cannot be set to true if the emulation version is the same as the binary version'
  const refused: [EffectiveVersionFlags, string][] = [
    [{ emulatedVersion: ['x'] }, 'could not parse "x" as version'],
    [{ emulatedVersion: ['1.36.2'] }, 'patch version not allowed, got: kube=1.36.2'],
    [{ emulatedVersion: ['wardle=1.2'] }, 'component not registered: wardle'],
    [{ emulatedVersion: ['1.36', 'kube=1.35'] }, 'duplicate version flag, kube=1.36 and kube=1.35'],
    [{ emulatedVersion: ['1.37'] }, 'emulation version 1.37 is not between [1.33, 1.36]'],
    [{ emulatedVersion: ['1.32'] }, 'emulation version 1.32 is not between [1.33, 1.36]'],
    [{ minCompatibilityVersion: ['1.30'] }, 'minCompatibilityVersion version 1.30 is not between [1.33, 1.36]'],
    [{ emulationForwardCompatible: true }, `ServerRunOptions.EmulationForwardCompatible ${forward}`],
    [
      { runtimeConfigEmulationForwardCompatible: true },
      `ServerRunOptions.RuntimeConfigEmulationForwardCompatible ${forward}`,
    ],
    [{ emulatedVersion: ['1.35'] }, 'to emulate 1.35 is not implemented: it is always 1.36'],
    [{ minCompatibilityVersion: ['1.36'] }, 'a minimum of 1.36 is not implemented: it is always 1.35'],
  ]
  for (const [flags, message] of refused) {
    it(`refused: ${message}`, () => assert.throws(() => checkEffectiveVersion(flags), { name: 'TypeError', message }))
  }
})
