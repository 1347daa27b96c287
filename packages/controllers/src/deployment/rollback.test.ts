import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Deployment, ReplicaSet } from '@canopus/api/apps/v1'
import { planRollback } from './rollback.ts'

const templateOf = (image: string, labels: Record<string, string> = {}) => ({
  metadata: { labels: { app: 'web', ...labels } },
  spec: { containers: [{ name: 'c', image }] },
})
const setOf = (image: string, revision: number, cause: string) =>
  ({
    metadata: { name: image, annotations: { 'deployment.kubernetes.io/revision': String(revision), cause } },
    spec: { template: templateOf(image, { 'pod-template-hash': image }) },
  }) as unknown as ReplicaSet
const SETS = [setOf('v1', 1, 'first'), setOf('v2', 2, 'second'), setOf('v3', 3, 'third')]

const deploymentOf = (wish: string | undefined, revision = '3'): Deployment =>
  ({
    metadata: {
      name: 'web',
      annotations: {
        ...(wish === undefined ? {} : { 'deprecated.deployment.rollback.to': wish }),
        'deployment.kubernetes.io/revision': revision,
        cause: 'third',
        why: 'third alone',
      },
    },
    spec: { template: templateOf('v3') },
  }) as unknown as Deployment

describe('a deployment that is to go back', () => {
  const notFound = 'Warning DeploymentRollbackRevisionNotFound'
  type Case = [what: string, wish: string | undefined, sets: ReplicaSet[], event: string | undefined, image?: string]
  const cases: Case[] = [
    ['is not', undefined, SETS, undefined],
    ['wishes what nobody understands', 'first', SETS, undefined],
    ['to a revision', '1', SETS, 'Normal DeploymentRollback Rolled back deployment "web" to revision 1', 'v1'],
    ['to the last but one', '0', SETS, 'Normal DeploymentRollback Rolled back deployment "web" to revision 2', 'v2'],
    ['to one that is gone', '7', SETS, `${notFound} Unable to find the revision to rollback to.`, 'v3'],
    ['and has no other', '0', [SETS[2]!], `${notFound} Unable to find last revision.`, 'v3'],
    [
      'to where it is',
      '3',
      SETS,
      'Warning DeploymentRollbackTemplateUnchanged The rollback revision contains the same template as current deployment "web"',
      'v3',
    ],
  ]
  for (const [what, wish, sets, expected, image] of cases) {
    it(what, () => {
      const plan = planRollback(deploymentOf(wish), sets)
      assert.equal(plan && `${plan.event.type} ${plan.event.reason} ${plan.event.message}`, expected)
      if (plan === undefined) return
      assert.deepEqual(plan.deployment.spec.template, templateOf(image!), 'the template, without its hash')
      assert.equal(plan.deployment.metadata.annotations?.['deprecated.deployment.rollback.to'], undefined)
    })
  }
  it('gets the annotations that belong to the template back, and loses those of the one that goes', () => {
    const { annotations } = planRollback(deploymentOf('1'), SETS)!.deployment.metadata
    assert.deepEqual(annotations, { 'deployment.kubernetes.io/revision': '3', cause: 'first' })
  })
})
