import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod, PodSpec } from '../../../generated/core.v1.ts'
import { PodKind } from '../pod.ts'
import { APPARMOR_ANNOTATION, profileOfAnnotation } from './app-armor.ts'
import { podTemplateWarnings } from './warnings.ts'

const KEY = `${APPARMOR_ANNOTATION}main`
const WARNING = `metadata.annotations[${KEY}]: deprecated since v1.30; use the "appArmorProfile" field instead`
const RUNTIME = { type: 'RuntimeDefault' }

/** The annotation, more of the spec and of the container; the profile in the container's field, and whether there is a warning. */
const rows: readonly [string, Partial<PodSpec>, Partial<Container>, object | undefined, boolean][] = [
  ['runtime/default', {}, {}, RUNTIME, true],
  ['unconfined', {}, {}, { type: 'Unconfined' }, true],
  ['localhost/mine', {}, {}, { type: 'Localhost', localhostProfile: 'mine' }, true],
  ['localhost/', {}, {}, undefined, true],
  ['localhost/ mine', {}, {}, undefined, true],
  ['', {}, {}, undefined, true],
  ['runtime/default', { securityContext: { appArmorProfile: RUNTIME } }, {}, undefined, false],
  ['unconfined', { securityContext: { appArmorProfile: RUNTIME } }, {}, { type: 'Unconfined' }, true],
  ['unconfined', {}, { securityContext: { appArmorProfile: RUNTIME } }, RUNTIME, false],
  ['unconfined', { os: { name: 'windows' } }, {}, undefined, false],
]

for (const [said, spec, container, field, warns] of rows) {
  test(`a new pod annotated with "${said}" and ${JSON.stringify([spec, container])}`, () => {
    const pod: Pod = {
      metadata: { name: 'a', namespace: 'b', annotations: { [KEY]: said } } as unknown as Pod['metadata'],
      spec: { ...spec, containers: [{ name: 'main', image: 'i', ...container }] },
    }
    const warnings: string[] = []
    PodKind.strategy.prepareForCreate!(pod, { now: '2026-01-01T00:00:00Z', warn: text => void warnings.push(text) })
    assert.deepEqual(pod.spec.containers[0]!.securityContext?.appArmorProfile, field)
    assert.deepEqual(warnings, warns ? [WARNING] : [])
    assert.equal(pod.metadata.annotations![KEY], said)
  })
}

for (const said of ['runtime/default', 'unconfined', 'localhost/mine']) {
  test(`a template's "${said}" needs no warning where the pod's field says the same`, () => {
    const template = (profile: PodSpec['securityContext']): Parameters<typeof podTemplateWarnings>[1] => ({
      metadata: { annotations: { [KEY]: said } },
      spec: { containers: [{ name: 'main', image: 'i' }], ...(profile && { securityContext: profile }) },
    })
    const appArmorProfile = profileOfAnnotation(said)!
    assert.deepEqual(podTemplateWarnings('spec.template', template({ appArmorProfile })), [])
    assert.deepEqual(podTemplateWarnings('spec.template', template(undefined)), [`spec.template.${WARNING}`])
  })
}
