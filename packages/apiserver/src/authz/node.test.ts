import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PersistentVolumes, Pods, VolumeAttachments } from '@canopus/api'
import { FakeObjects } from '../authn/testing/fake-objects.ts'
import { NODE_RULES } from '../bootstrap/default-roles.ts'
import type { Attributes } from '../security.ts'
import { NodeAuthorizer } from './node.ts'
import { NodeGraph } from './node-graph.ts'

const node = (name: string): Attributes['user'] => ({ name: `system:node:${name}`, groups: ['system:nodes'] })

function setUp() {
  const objects = new FakeObjects()
  const authorizer = new NodeAuthorizer(new NodeGraph(objects), NODE_RULES)
  objects.put(Pods, {
    metadata: { name: 'pod', namespace: 'ns' },
    spec: {
      nodeName: 'n1',
      serviceAccountName: 'robot',
      imagePullSecrets: [{ name: 'pull' }],
      containers: [
        {
          name: 'c',
          envFrom: [{ configMapRef: { name: 'env-map' } }],
          env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'env-secret', key: 'k' } } }],
        },
      ],
      volumes: [
        { name: 'v1', secret: { secretName: 'volume-secret' } },
        { name: 'v2', projected: { sources: [{ configMap: { name: 'projected-map' } }] } },
        { name: 'v3', persistentVolumeClaim: { claimName: 'claim' } },
        { name: 'v4', ephemeral: {} },
      ],
    },
  })
  objects.put(PersistentVolumes, {
    metadata: { name: 'pv' },
    spec: {
      claimRef: { namespace: 'ns', name: 'claim' },
      csi: { nodePublishSecretRef: { name: 'csi', namespace: 'storage' } },
    },
  })
  objects.put(VolumeAttachments, { metadata: { name: 'va' }, spec: { nodeName: 'n1' } })
  return { objects, authorizer }
}

function ask(text: string, user = node('n1'), apiGroup = ''): Attributes {
  const [verb = '', what = '', namespace = '', name = '', fieldSelector] = text.split(' ')
  const [resource = '', subresource = ''] = what.split('/')
  const at = (value: string) => (value === '-' ? '' : value)
  return {
    user,
    verb,
    isResourceRequest: true,
    path: '',
    apiGroup,
    apiVersion: 'v1',
    resource,
    subresource,
    namespace: at(namespace),
    name: at(name),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  }
}

const UNRELATED = "no relationship found between node 'n1' and this object"
const CASES: [request: string, expected: true | string, group?: string][] = [
  ['get secrets ns pull', true],
  ['get secrets ns env-secret', true],
  ['watch secrets ns volume-secret', true],
  ['get secrets ns other', UNRELATED],
  ['get secrets other pull', UNRELATED],
  ['list secrets ns -', 'No Object name found'],
  ['list secrets - -', 'can only read namespaced object of this type'],
  ['update secrets ns pull', 'can only read resources of this type'],
  ['get secrets storage csi', true],
  ['get configmaps ns env-map', true],
  ['get configmaps ns projected-map', true],
  ['get persistentvolumeclaims ns claim', true],
  ['get persistentvolumeclaims ns pod-v4', true],
  ['patch persistentvolumeclaims/status ns claim', true],
  ['list persistentvolumeclaims ns claim', 'can only get individual resources of this type'],
  ['get persistentvolumes - pv', true],
  ['get persistentvolumes - other', UNRELATED],
  ['get volumeattachments - va', true, 'storage.k8s.io'],
  ['create serviceaccounts/token ns robot', true],
  ['create serviceaccounts/token ns other', UNRELATED],
  ['get serviceaccounts ns robot', true],
  ['create serviceaccounts ns robot', 'can only create token subresource of serviceaccount'],
  ['list serviceaccounts ns -', 'can only create tokens for individual service accounts'],
  ['get nodes - n1', true],
  ['get nodes - n2', "node 'n1' cannot read 'n2', only its own Node object"],
  ['list nodes - -', "node 'n1' cannot read all nodes, only its own Node object"],
  ['patch nodes/status - n1', true],
  ['delete nodes - n1', ''],
  ['list pods - - spec.nodeName=n1', true],
  ['watch pods - - spec.nodeName=n1,status.phase!=Failed', true],
  ['list pods - - spec.nodeName=n2', 'can only list/watch pods with spec.nodeName field selector'],
  ['list pods - - spec.nodeName!=n1', 'can only list/watch pods with spec.nodeName field selector'],
  ['get pods ns pod', true],
  ['get pods ns other', UNRELATED],
  ['create pods ns -', true],
  ['patch pods/status ns pod', true],
  ['create pods/eviction ns pod', true],
  ['create pods/exec ns pod', ''],
  ['update leases kube-node-lease n1', true, 'coordination.k8s.io'],
  ['create leases kube-node-lease -', true, 'coordination.k8s.io'],
  [
    'update leases kube-node-lease n2',
    'can only access node lease with the same name as the requesting node',
    'coordination.k8s.io',
  ],
  [
    'get leases kube-system n1',
    'can only access leases in the "kube-node-lease" system namespace',
    'coordination.k8s.io',
  ],
  ['get csinodes - n1', true, 'storage.k8s.io'],
  ['get csinodes - n2', 'can only access CSINode with the same name as the requesting node', 'storage.k8s.io'],
  ['list services - -', true],
  ['create events ns -', true],
  ['list deployments - -', '', 'apps'],
]

describe('Node authorizer', () => {
  const { authorizer } = setUp()
  for (const [request, expected, group] of CASES) {
    it(`${request}: ${expected === true ? 'yes' : expected || 'no'}`, () => {
      const decision = authorizer.authorize(ask(request, node('n1'), group))
      const wanted =
        expected === true ? { decision: 'allow', reason: '' } : { decision: 'no-opinion', reason: expected }
      assert.deepEqual(decision, wanted)
    })
  }

  it('gives nothing to those who are no nodes, or to another node', () => {
    const joe = { name: 'system:node:n1', groups: ['dev'] }
    assert.equal(authorizer.authorize(ask('get nodes - n1', joe)).decision, 'no-opinion')
    assert.equal(authorizer.authorize(ask('get secrets ns pull', node('n2'))).decision, 'no-opinion')
  })

  it('follows pods that come, change and go', () => {
    const { objects, authorizer } = setUp()
    const may = (name: string) => authorizer.authorize(ask(`get secrets ns ${name}`)).decision === 'allow'
    const pod = (name: string, secret: string, more = {}) => ({
      metadata: { name, namespace: 'ns', ...more },
      spec: { nodeName: 'n1', containers: [], volumes: [{ name: 'v', secret: { secretName: secret } }] },
    })
    objects.put(Pods, pod('a', 'shared'))
    objects.put(Pods, pod('b', 'shared'))
    assert.equal(may('shared'), true)
    objects.remove(Pods, 'a', 'ns')
    assert.equal(may('shared'), true)
    objects.put(Pods, pod('b', 'other'))
    assert.equal(may('shared'), false)
    objects.put(Pods, pod('m', 'mirrored', { annotations: { 'kubernetes.io/config.mirror': 'x' } }))
    assert.equal(may('mirrored'), false)
  })
})
