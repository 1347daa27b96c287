import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KubeObject } from '@canopus/apimachinery'
import { normalise } from './normalise.ts'

describe('what another API server stored', () => {
  const read = (stored: object): KubeObject =>
    JSON.parse(Buffer.from(normalise(Buffer.from(JSON.stringify(stored)), 7)).toString())
  const metadata = { name: 'a', namespace: 'ns' }

  const defaults: readonly [string, object, (object: never) => unknown, unknown][] = [
    [
      'a claim from before there were modes',
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: { accessModes: ['ReadWriteOnce'] } },
      ({ spec, status }: { spec: { volumeMode: string }; status: { phase: string } }) => [
        spec.volumeMode,
        status.phase,
      ],
      ['Filesystem', 'Pending'],
    ],
    [
      'a service from before there were policies inside',
      { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: '10.0.0.1', ports: [{ port: 80 }] } },
      ({ spec }: { spec: object }) => spec,
      {
        clusterIP: '10.0.0.1',
        clusterIPs: ['10.0.0.1'],
        internalTrafficPolicy: 'Cluster',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
        sessionAffinity: 'None',
        type: 'ClusterIP',
      },
    ],
    [
      'a class in a version that is not stored any more',
      { apiVersion: 'storage.k8s.io/v1beta1', kind: 'StorageClass', metadata: { name: 'a' }, provisioner: 'p' },
      ({ apiVersion, reclaimPolicy }: { apiVersion: string; reclaimPolicy: string }) => [apiVersion, reclaimPolicy],
      ['storage.k8s.io/v1', 'Delete'],
    ],
    [
      'a budget for nothing, which would be one for everything today',
      { apiVersion: 'policy/v1beta1', kind: 'PodDisruptionBudget', metadata, spec: { selector: {} } },
      ({ apiVersion, spec }: { apiVersion: string; spec: { selector: { matchExpressions: object[] } } }) => [
        apiVersion,
        spec.selector.matchExpressions,
      ],
      ['policy/v1', [{ key: 'pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match', operator: 'Exists' }]],
    ],
    [
      'a claim with one of two fields for its source',
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: { dataSource: { kind: 'A', name: 'b' } } },
      ({ spec }: { spec: { dataSourceRef: object } }) => spec.dataSourceRef,
      { apiGroup: null, kind: 'A', name: 'b' },
    ],
    [
      'nothing of a custom resource',
      { apiVersion: 'example.com/v1', kind: 'Widget', metadata, spec: { size: 1 } },
      ({ spec }: { spec: object }) => spec,
      { size: 1 },
    ],
  ]
  for (const [name, stored, part, expected] of defaults) {
    it(`has the defaults of today: ${name}`, () => {
      const object = read(stored)
      assert.equal(object.metadata.resourceVersion, '7')
      assert.deepEqual(part(object as never), expected)
    })
  }
})
