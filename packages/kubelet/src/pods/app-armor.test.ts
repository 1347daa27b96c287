import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Pod, SecurityContext } from '@canopus/api/core/v1'
import { appArmorForRuntime, hasAppArmor, judgeAppArmor } from './app-armor.ts'

const KEY = 'container.apparmor.security.beta.kubernetes.io/main'
const RUNTIME = { appArmorProfile: { type: 'RuntimeDefault' } }
const NONE = { appArmorProfile: { type: 'Unconfined' } }
const LOCAL = { appArmorProfile: { type: 'Localhost', localhostProfile: 'mine' } }

function podOf(shared?: SecurityContext, own?: SecurityContext, said?: string, phase = 'Pending'): Pod {
  return {
    metadata: { name: 'p', annotations: said === undefined ? {} : { [KEY]: said } },
    spec: {
      ...(shared && { securityContext: shared }),
      containers: [{ name: 'main', ...(own && { securityContext: own }) }],
    },
    status: { phase },
  } as unknown as Pod
}

/** The pod, whether it needs AppArmor, what the runtime is told. */
const rows: [name: string, pod: Pod, needs: boolean, told: object | undefined][] = [
  ['nothing', podOf(), false, undefined],
  ['unconfined', podOf(NONE), false, { profileType: 'Unconfined' }],
  ['the pod’s', podOf(RUNTIME), true, { profileType: 'RuntimeDefault' }],
  ['the container’s before the pod’s', podOf(RUNTIME, NONE), true, { profileType: 'Unconfined' }],
  ['a local one', podOf(undefined, LOCAL), true, { profileType: 'Localhost', localhostRef: 'mine' }],
  ['an annotation', podOf(NONE, undefined, 'localhost/x'), true, { profileType: 'Localhost', localhostRef: 'x' }],
  ['an annotation of none', podOf(undefined, undefined, 'unconfined'), false, { profileType: 'Unconfined' }],
  ['running already', podOf(RUNTIME, undefined, undefined, 'Running'), false, { profileType: 'RuntimeDefault' }],
]

for (const [name, pod, needs, told] of rows) {
  test(`AppArmor: ${name}`, () => {
    const message = 'Cannot enforce AppArmor: AppArmor is not enabled on the host'
    assert.deepEqual(judgeAppArmor(pod, false), needs ? [{ reason: 'AppArmor', message }] : [])
    assert.deepEqual(judgeAppArmor(pod, true), [])
    assert.deepEqual(appArmorForRuntime(pod, pod.spec.containers[0]!), told)
  })
}

test('AppArmor is there where the kernel says so', () => {
  const sys = mkdtempSync(join(tmpdir(), 'app-armor-'))
  try {
    assert.equal(hasAppArmor(sys), false)
    mkdirSync(join(sys, 'module/apparmor/parameters'), { recursive: true })
    writeFileSync(join(sys, 'module/apparmor/parameters/enabled'), 'Y\n')
    assert.equal(hasAppArmor(sys), false)
    mkdirSync(join(sys, 'kernel/security/apparmor'), { recursive: true })
    assert.equal(hasAppArmor(sys), true)
    writeFileSync(join(sys, 'module/apparmor/parameters/enabled'), 'N\n')
    assert.equal(hasAppArmor(sys), false)
  } finally {
    rmSync(sys, { recursive: true })
  }
})
