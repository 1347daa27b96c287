import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClusterRoleBindings } from '@canopus/api'
import type { Subject } from '@canopus/api/rbac/v1'
import { SimulatedClock } from '@canopus/base'
import { createClient } from '@canopus/client'
import { createFakeServer } from '@canopus/client/testing'
import { ensureRoles } from './index.ts'

const [OLD, NEW] = ['system:discovery', 'system:public-info-viewer']
const group = (name: string): Subject => ({ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name })
const [AUTHENTICATED, ANYBODY] = [group('system:authenticated'), group('system:unauthenticated')]
const binding = (name: string, subjects: Subject[]) => ({
  metadata: { name, labels: { l: '1' }, annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
  subjects,
})

describe('subjects of system:public-info-viewer', () => {
  const cases: readonly [string, ReturnType<typeof binding>[], Subject[], Record<string, string>][] = [
    [
      'are the default in a new cluster',
      [],
      [AUTHENTICATED, ANYBODY],
      { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
    ],
    ['come from system:discovery', [binding(OLD, [AUTHENTICATED])], [AUTHENTICATED], { l: '1' }],
    ['may be none', [binding(OLD, [])], [], { l: '1' }],
    ['stay', [binding(OLD, [AUTHENTICATED]), binding(NEW, [ANYBODY])], [ANYBODY], { l: '1' }],
  ]
  for (const [name, before, subjects, labels] of cases) {
    it(name, async () => {
      const client = createClient(createFakeServer({ clock: new SimulatedClock() }))
      const bindings = client.resource(ClusterRoleBindings)
      for (const each of before) await bindings.create(each)
      await ensureRoles(client)
      const made = await bindings.get(NEW)
      assert.deepEqual([made.subjects ?? [], made.metadata.labels], [subjects, labels])
    })
  }
})
