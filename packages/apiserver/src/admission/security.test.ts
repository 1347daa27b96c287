import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import {
  CertificateSigningRequests,
  ClusterRoleBindings,
  ClusterRoles,
  CSINodes,
  IngressClasses,
  Ingresses,
  Leases,
  Nodes,
  PersistentVolumeClaims,
  Pods,
  RoleBindings,
  Roles,
  ServiceAccounts,
  StorageClasses,
} from '@canopus/api'
import type { PolicyRule } from '@canopus/api/rbac/v1'
import type { ResourceType } from '@canopus/apimachinery'
import { createCertificateRequest, createKey } from '@canopus/platform'
import { alwaysDeny } from '../authz/modes.ts'
import type { Attributes, Authorizer } from '../security.ts'
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts'
import { nodeRestriction } from './node-restriction.ts'
import { roleEscalation } from './role-escalation.ts'
import {
  defaultIngressClass,
  defaultStorageClass,
  persistentVolumeClaimResize,
  storageObjectInUseProtection,
} from './storage.ts'
import { admit, type FakeRequest, fakeContext, refuses, request } from './testing/request.ts'

const NODE = { name: 'system:node:n1', groups: ['system:nodes'] }

async function csr(commonName: string, organizations: string[] = []): Promise<string> {
  return Buffer.from(createCertificateRequest(await createKey(), { commonName, organizations })).toString('base64')
}

describe('NodeRestriction', () => {
  const context = fakeContext({ authorizer: alwaysDeny })
  const pod = (nodeName: string, more: object = {}, metadata: object = {}) => ({
    metadata: { name: 'pod', namespace: 'ns', uid: 'u', ...metadata },
    spec: { nodeName, containers: [], ...more },
  })
  context.objects.put(Nodes, { metadata: { name: 'n1', uid: 'node-uid' } })
  const projected = { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] }
  context.objects.put(
    Pods,
    pod('n1', {
      volumes: [
        { name: 'v', projected },
        { name: 'w', projected: { sources: [{ serviceAccountToken: {} }] } },
      ],
    }),
  )
  context.objects.put(Pods, pod('n2', {}, { name: 'other' }))
  const plugin = nodeRestriction(context)
  const annotations = { 'kubernetes.io/config.mirror': 'x' }
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'node-uid', controller: true }
  const node = (labels: object, spec: object = {}, name = 'n1') => ({ metadata: { name, labels }, spec })
  const token = (name: string, uid: string | undefined, audiences?: string[]) => ({
    metadata: { name: 'robot', namespace: 'ns' },
    spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid }, audiences },
  })
  const lease = (name: string, namespace = 'kube-node-lease') => ({ metadata: { name, namespace } })
  const claim = (metadata: object, status: object) => ({
    metadata: { name: 'c', namespace: 'ns', ...metadata },
    spec: {},
    status,
  })
  const on = (type: ResourceType, more: FakeRequest): FakeRequest => ({ type, user: NODE, ...more })
  const updated = (type: ResourceType, oldObject: object, object: object, subresource = '') =>
    on(type, { operation: 'UPDATE', subresource, object, oldObject })
  const tokenFor = (...args: Parameters<typeof token>) =>
    on(ServiceAccounts, { subresource: 'token', object: token(...args) })

  const cases: [string, FakeRequest, true | string][] = [
    ['a mirror pod of its own', on(Pods, { object: pod('n1', {}, { annotations, ownerReferences: [owner] }) }), true],
    [
      'a plain pod',
      on(Pods, { object: pod('n1') }),
      'pods "pod" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
    ],
    [
      'a mirror pod elsewhere',
      on(Pods, { object: pod('n2', {}, { annotations, ownerReferences: [owner] }) }),
      'pods "pod" is forbidden: node "n1" can only create pods with spec.nodeName set to itself',
    ],
    [
      'a mirror pod without an owner',
      on(Pods, { object: pod('n1', {}, { annotations }) }),
      'pods "pod" is forbidden: node "n1" can only create pods with an owner reference set to itself',
    ],
    [
      'a mirror pod of a former node',
      on(Pods, { object: pod('n1', {}, { annotations, ownerReferences: [{ ...owner, uid: 'old' }] }) }),
      'pods "pod" is forbidden: node n1 UID mismatch: expected old got node-uid',
    ],
    [
      'a mirror pod with a config map',
      on(Pods, {
        object: pod(
          'n1',
          { volumes: [{ name: 'v', configMap: { name: 'x' } }] },
          { annotations, ownerReferences: [owner] },
        ),
      }),
      'pods "pod" is forbidden: node "n1" can not create pods that reference configmaps',
    ],
    ['deletion of its pod', on(Pods, { operation: 'DELETE', oldObject: pod('n1') }), true],
    [
      "deletion of another's pod",
      on(Pods, { operation: 'DELETE', oldObject: pod('n2') }),
      'pods "pod" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself',
    ],
    ['status of its pod', updated(Pods, pod('n1'), pod('n1'), 'status'), true],
    [
      "status of another's pod",
      updated(Pods, pod('n2'), pod('n2'), 'status'),
      'pods "pod" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself',
    ],
    [
      'labels through status',
      updated(Pods, pod('n1'), pod('n1', {}, { labels: { a: 'b' } }), 'status'),
      'pods "pod" is forbidden: node "n1" cannot update labels through pod status',
    ],
    [
      'changes of a pod',
      updated(Pods, pod('n1'), pod('n1')),
      'pods "pod" is forbidden: unexpected operation "UPDATE", node "n1" can only create and delete mirror pods',
    ],
    ['eviction of its pod', on(Pods, { subresource: 'eviction', object: lease('pod', 'ns') }), true],
    [
      "eviction of another's pod",
      on(Pods, { subresource: 'eviction', object: lease('other', 'ns') }),
      'pods "other" is forbidden: node n1 can only evict pods with spec.nodeName set to itself',
    ],
    [
      'itself',
      on(Nodes, { object: node({ 'kubernetes.io/hostname': 'n1', 'node.kubernetes.io/x': 'y', own: 'z' }) }),
      true,
    ],
    [
      'another node',
      on(Nodes, { object: node({}, {}, 'n2') }),
      'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    ],
    [
      'itself as a control plane',
      on(Nodes, { object: node({ 'node-role.kubernetes.io/control-plane': '' }) }),
      'nodes "n1" is forbidden: node "n1" is not allowed to set the following labels: node-role.kubernetes.io/control-plane',
    ],
    [
      'restricted labels',
      updated(Nodes, node({}), node({ 'node-restriction.kubernetes.io/pci': 'yes' })),
      'nodes "n1" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/pci',
    ],
    [
      'its taints',
      updated(Nodes, node({}, { taints: [{ key: 'a', effect: 'NoSchedule' }] }), node({})),
      'nodes "n1" is forbidden: node "n1" is not allowed to modify taints',
    ],
    ['a token for its pod', tokenFor('pod', 'u'), true],
    ['a token for an audience of its pod', tokenFor('pod', 'u', ['vault']), true],
    [
      'a token for another audience',
      tokenFor('pod', 'u', ['bank']),
      'serviceaccounts "robot" is forbidden: audience "bank" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
    ],
    [
      'a token without uid',
      tokenFor('pod', undefined),
      'serviceaccounts "robot" is forbidden: node requested token with a pod binding without a uid',
    ],
    [
      "a token for another's pod",
      tokenFor('other', 'u'),
      'serviceaccounts "robot" is forbidden: node requested token bound to a pod scheduled on a different node',
    ],
    [
      'a token for itself',
      on(ServiceAccounts, { subresource: 'token', object: { metadata: { name: 'robot' }, spec: {} } }),
      'serviceaccounts "robot" is forbidden: node requested token not bound to a pod',
    ],
    ['its lease', on(Leases, { object: lease('n1') }), true],
    [
      "another's lease",
      on(Leases, { object: lease('n2') }),
      'leases.coordination.k8s.io "n2" is forbidden: can only access node lease with the same name as the requesting node',
    ],
    ['its CSI node', on(CSINodes, { object: lease('n1', '') }), true],
    [
      'the size of a claim',
      updated(PersistentVolumeClaims, claim({}, {}), claim({}, { capacity: {} }), 'status'),
      true,
    ],
    [
      'labels of a claim',
      updated(PersistentVolumeClaims, claim({}, {}), claim({ labels: { a: 'b' } }, {}), 'status'),
      'persistentvolumeclaims "c" is forbidden: node "n1" is not allowed to update fields other than status.quantity and status.conditions',
    ],
  ]
  for (const [name, facts, expected] of cases) {
    it(`${expected === true ? 'lets a node write' : 'refuses'} ${name}`, async () => {
      if (expected === true) await admit(plugin, request(facts))
      else await refuses(plugin, request(facts), expected)
    })
  }

  it('lets a node have tokens for every audience where that feature is off', () =>
    admit(
      nodeRestriction({ ...context, featureGates: { enabled: () => false } }),
      request(tokenFor('pod', 'u', ['bank'])),
    ))

  it('lets others do what they may', () => admit(plugin, request({ object: pod('n2') })))

  it('lets a node ask for its own certificate alone', async () => {
    const signerName = 'kubernetes.io/kube-apiserver-client-kubelet'
    const asked = async (commonName: string) => ({
      metadata: { name: 'csr' },
      spec: { signerName, request: await csr(commonName) },
    })
    await admit(plugin, request(on(CertificateSigningRequests, { object: await asked('system:node:n1') })))
    await refuses(
      plugin,
      request(on(CertificateSigningRequests, { object: await asked('system:node:n2') })),
      'certificatesigningrequests.certificates.k8s.io "csr" is forbidden: can only create a node CSR with CN=system:node:n1',
    )
  })
})

describe('certificates', () => {
  const allows = (...names: string[]): Authorizer => ({
    authorize: ({ verb, name }: Attributes) => ({
      decision: names.includes(`${verb} ${name}`) ? 'allow' : 'no-opinion',
      reason: '',
    }),
  })
  const object = { metadata: { name: 'csr' }, spec: { signerName: 'example.com/mine' }, status: {} }
  const signed = { ...object, status: { certificate: 'x' } }
  const approval = request({
    type: CertificateSigningRequests,
    operation: 'UPDATE',
    subresource: 'approval',
    object,
    oldObject: object,
  })
  const status = (changed: object) =>
    request({
      type: CertificateSigningRequests,
      operation: 'UPDATE',
      subresource: 'status',
      object: changed,
      oldObject: object,
    })

  it('are approved by whoever may approve for the signer or its domain', async () => {
    for (const right of ['approve example.com/mine', 'approve example.com/*']) {
      await admit(certificateApproval(fakeContext({ authorizer: allows(right) })), approval)
    }
    await refuses(
      certificateApproval(fakeContext({ authorizer: allows('sign example.com/mine') })),
      approval,
      'certificatesigningrequests.certificates.k8s.io "csr" is forbidden: user not permitted to approve requests with signerName "example.com/mine"',
    )
  })
  it('are signed by whoever may sign', async () => {
    const plugin = certificateSigning(fakeContext({ authorizer: allows('sign example.com/mine') }))
    await admit(plugin, status(signed))
    const nobody = certificateSigning(fakeContext({ authorizer: alwaysDeny }))
    await admit(nobody, status(object))
    await refuses(
      nobody,
      status(signed),
      'certificatesigningrequests.certificates.k8s.io "csr" is forbidden: user not permitted to sign requests with signerName "example.com/mine"',
    )
  })
  it('make nobody a master', async () => {
    const asked = async (group: string, signerName: string) =>
      request({
        type: CertificateSigningRequests,
        object: { metadata: { name: 'csr' }, spec: { signerName, request: await csr('jane', [group]) } },
      })
    const client = 'kubernetes.io/kube-apiserver-client'
    await admit(certificateSubjectRestriction, await asked('dev', client))
    await admit(certificateSubjectRestriction, await asked('system:masters', 'example.com/mine'))
    await refuses(
      certificateSubjectRestriction,
      await asked('system:masters', client),
      'certificatesigningrequests.certificates.k8s.io "csr" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    )
  })
})

describe('RoleEscalation', () => {
  const GROUP = 'rbac.authorization.k8s.io'
  const pods = (...verbs: string[]): PolicyRule => ({ apiGroups: [''], resources: ['pods'], verbs })
  function setUp(held: string[] = []) {
    const authorizer: Authorizer = {
      authorize: ({ verb, resource, name }: Attributes) => ({
        decision: held.includes(`${verb} ${resource} ${name}`) ? 'allow' : 'no-opinion',
        reason: '',
      }),
    }
    const context = fakeContext({ authorizer })
    context.objects.put(ClusterRoles, { metadata: { name: 'reader' }, rules: [pods('get', 'list')] })
    context.objects.put(ClusterRoles, { metadata: { name: 'writer' }, rules: [pods('create')] })
    context.objects.put(RoleBindings, {
      metadata: { name: 'jane', namespace: 'ns' },
      roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: 'reader' },
      subjects: [{ apiGroup: GROUP, kind: 'User', name: 'jane' }],
    })
    return roleEscalation(context)
  }
  const role = (rules: PolicyRule[], more: object = {}) => ({
    metadata: { name: 'r', namespace: 'ns', ...more },
    rules,
  })
  const binding = (name: string) => ({
    metadata: { name: 'b', namespace: 'ns' },
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name },
  })

  it('lets people give what they have', async () => {
    await admit(setUp(), request({ type: Roles, object: role([pods('get')]) }))
    await admit(setUp(), request({ type: RoleBindings, object: binding('reader') }))
  })
  it('names what they do not have', () =>
    refuses(
      setUp(),
      request({ type: Roles, object: role([pods('get', 'create', 'delete')]) }),
      'roles.rbac.authorization.k8s.io "r" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["create" "delete"]}',
    ))
  it('keeps rights of one namespace there', () =>
    refuses(
      setUp(),
      request({ type: ClusterRoles, object: { metadata: { name: 'r' }, rules: [pods('get')] } }),
      'clusterroles.rbac.authorization.k8s.io "r" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["get"]}',
    ))
  it('looks at the role behind a binding', async () => {
    await refuses(
      setUp(),
      request({ type: RoleBindings, object: binding('writer') }),
      'rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["create"]}',
    )
    const missing = 'clusterroles.rbac.authorization.k8s.io "x" not found'
    await refuses(setUp(), request({ type: RoleBindings, object: binding('x') }), missing, 404)
  })
  it('lets holders of escalate and bind, and masters, pass', async () => {
    await admit(setUp(['escalate roles r']), request({ type: Roles, object: role([pods('delete')]) }))
    await admit(setUp(['bind clusterroles writer']), request({ type: RoleBindings, object: binding('writer') }))
    const user = { name: 'root', groups: ['system:masters'] }
    await admit(setUp(), request({ type: ClusterRoleBindings, object: binding('writer'), user }))
  })
  it('lets the garbage collector touch owners', async () => {
    const object = role([pods('delete')], { ownerReferences: [], finalizers: [] })
    const oldObject = role([pods('delete')], { finalizers: ['a'] })
    await admit(setUp(), request({ type: Roles, operation: 'UPDATE', object, oldObject }))
  })
  it('keeps aggregation for those who may do everything', () => {
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] }
    return refuses(
      setUp(),
      request({ type: ClusterRoles, object: { metadata: { name: 'r' }, aggregationRule } }),
      'clusterroles.rbac.authorization.k8s.io "r" is forbidden: must have cluster-admin privileges to use the aggregationRule',
    )
  })
})

describe('storage and ingress classes', () => {
  const context = fakeContext()
  before(() => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' }
    const made = (name: string, creationTimestamp: string, more: object = { annotations }) =>
      context.objects.put(StorageClasses, {
        metadata: { name, creationTimestamp, ...more },
        allowVolumeExpansion: true,
      })
    made('old', '2025-01-01T00:00:00Z')
    made('new-b', '2026-01-01T00:00:00Z')
    made('new-a', '2026-01-01T00:00:00Z')
    made('newest', '2026-06-01T00:00:00Z', {})
    context.objects.put(IngressClasses, {
      metadata: { name: 'web', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
    })
  })
  const claim = (spec: object, status: object = {}) => ({ metadata: { name: 'c', namespace: 'ns' }, spec, status })
  const size = (storage: string) => ({ resources: { requests: { storage } }, storageClassName: 'old' })

  it('are filled in where nothing is said', async () => {
    const [silent, none] = [claim({}), claim({ storageClassName: '' })]
    await admit(defaultStorageClass(context), request({ type: PersistentVolumeClaims, object: silent }))
    await admit(defaultStorageClass(context), request({ type: PersistentVolumeClaims, object: none }))
    assert.deepEqual([silent.spec, none.spec], [{ storageClassName: 'new-a' }, { storageClassName: '' }])
    const ingress = { metadata: { name: 'i', namespace: 'ns' }, spec: {} }
    await admit(defaultIngressClass(context), request({ type: Ingresses, object: ingress }))
    assert.deepEqual(ingress.spec, { ingressClassName: 'web' })
  })
  it('say whether claims may grow', async () => {
    const plugin = persistentVolumeClaimResize(context)
    const grow = (phase: string, to: object) =>
      request({
        type: PersistentVolumeClaims,
        operation: 'UPDATE',
        oldObject: claim(size('1Gi'), { phase }),
        object: claim(to),
      })
    await admit(plugin, grow('Bound', size('2Gi')))
    await admit(plugin, grow('Pending', size('1024Mi')))
    const head = 'persistentvolumeclaims "c" is forbidden:'
    await refuses(plugin, grow('Pending', size('2Gi')), `${head} Only bound persistent volume claims can be expanded`)
    await refuses(
      plugin,
      grow('Bound', { ...size('2Gi'), storageClassName: 'other' }),
      `${head} only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize`,
    )
  })
  it('objects in use get their finalizer once', async () => {
    const object = { metadata: { name: 'c', namespace: 'ns' } as { finalizers?: string[] } }
    const attributes = request({ type: PersistentVolumeClaims, object })
    await admit(storageObjectInUseProtection, attributes)
    await admit(storageObjectInUseProtection, attributes)
    assert.deepEqual(object.metadata.finalizers, ['kubernetes.io/pvc-protection'])
  })
})
