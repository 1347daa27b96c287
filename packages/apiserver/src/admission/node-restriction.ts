import { Nodes, Pods } from '@canopus/api'
import type { TokenRequest } from '@canopus/api/authentication/v1'
import type { CertificateSigningRequest } from '@canopus/api/certificates/v1'
import type { Node, PersistentVolumeClaim, Pod } from '@canopus/api/core/v1'
import { deepEqual, notFoundError } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { parseCertificateRequest } from '@canopus/platform'
import { NODE_USER_PREFIX, nodeNameOf } from '../authn/user.ts'
import { visitPodReferences } from '../authz/pod-references.ts'
import { SIGNERS } from '../certificates/signers.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import { forbiddenLabels } from './node-labels.ts'
import { type AdmissionContext, isMirrorPod, MIRROR_ANNOTATION, podOf, refusal } from './shared.ts'
import { findAudience } from './token-audiences.ts'

const q = JSON.stringify
type Check = (node: string, attributes: AdmissionAttributes, context: AdmissionContext) => void | Promise<void>

/** What a node writes must be about itself and the pods bound to it (plugin/pkg/admission/noderestriction). */
export function nodeRestriction(context: AdmissionContext): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    mutate(attributes) {
      const node = nodeNameOf(attributes.user)
      if (node === undefined) return
      if (node === '') throw refusal(attributes, `could not determine node from user ${q(attributes.user.name)}`)
      return CHECKS[`${attributes.type.group}/${attributes.type.plural}`]?.(node, attributes, context)
    },
  }
}

const CHECKS: Readonly<Record<string, Check>> = {
  '/pods': checkPod,
  '/nodes': checkNode,
  '/persistentvolumeclaims': checkClaim,
  '/serviceaccounts': checkToken,
  'coordination.k8s.io/leases': checkLease,
  'storage.k8s.io/csinodes': checkCsiNode,
  'certificates.k8s.io/certificatesigningrequests': checkCsr,
}

function checkPod(node: string, attributes: AdmissionAttributes, context: AdmissionContext): void {
  const { operation, subresource } = attributes
  if (subresource === 'status') checkPodStatus(node, attributes)
  else if (subresource === 'eviction') {
    if (existingPod(attributes, context).spec?.nodeName === node) return
    throw refusal(attributes, `node ${node} can only evict pods with spec.nodeName set to itself`)
  } else if (subresource !== '') {
    throw refusal(attributes, `unexpected pod subresource ${q(subresource)}, only 'status' and 'eviction' are allowed`)
  } else if (operation === 'CREATE') checkMirrorPod(node, attributes, context)
  else if (operation !== 'DELETE') {
    throw refusal(
      attributes,
      `unexpected operation ${q(operation)}, node ${q(node)} can only create and delete mirror pods`,
    )
  } else if (existingPod(attributes, context).spec?.nodeName !== node) {
    throw refusal(attributes, `node ${q(node)} can only delete pods with spec.nodeName set to itself`)
  }
}

function existingPod(attributes: AdmissionAttributes, { objects }: AdmissionContext): Pod {
  const { name, namespace, oldObject, subresource } = attributes
  // For an eviction the old object is no pod.
  const pod = subresource === '' && oldObject ? (oldObject as Pod) : objects.get(Pods, name, namespace)
  if (pod === undefined) throw notFoundError({ group: '', resource: 'pods', name })
  return pod
}

function checkMirrorPod(node: string, attributes: AdmissionAttributes, { objects }: AdmissionContext): void {
  const pod = podOf(attributes)
  const refuse = (why: string): never => {
    throw refusal(attributes, why)
  }
  if (!isMirrorPod(pod)) {
    refuse(`pod does not have ${q(MIRROR_ANNOTATION)} annotation, node ${q(node)} can only create mirror pods`)
  }
  if (pod.spec?.nodeName !== node) refuse(`node ${q(node)} can only create pods with spec.nodeName set to itself`)
  const owners = pod.metadata.ownerReferences ?? []
  if (owners.length > 1) refuse(`node ${q(node)} can only create pods with a single owner reference set to itself`)
  const [owner] = owners
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node) {
    throw refusal(attributes, `node ${q(node)} can only create pods with an owner reference set to itself`)
  }
  if (!owner.controller) refuse(`node ${q(node)} can only create pods with a controller owner reference set to itself`)
  if (owner.blockOwnerDeletion) refuse(`node ${q(node)} must not set blockOwnerDeletion on an owner reference`)
  const stored = objects.get(Nodes, node)
  if (stored === undefined) throw notFoundError({ group: '', resource: 'nodes', name: node })
  if (stored.metadata.uid !== owner.uid) {
    refuse(`node ${node} UID mismatch: expected ${owner.uid} got ${stored.metadata.uid}`)
  }
  visitPodReferences(pod, kind => refuse(`node ${q(node)} can not create pods that reference ${kind}`))
}

function checkPodStatus(node: string, attributes: AdmissionAttributes): void {
  if (attributes.operation !== 'UPDATE') throw refusal(attributes, `unexpected operation ${q(attributes.operation)}`)
  const [pod, old] = [podOf(attributes), attributes.oldObject as Pod]
  if (old.spec?.nodeName !== node) {
    throw refusal(attributes, `node ${q(node)} can only update pod status for pods with spec.nodeName set to itself`)
  }
  if (!deepEqual(old.metadata.labels ?? {}, pod.metadata.labels ?? {})) {
    throw refusal(attributes, `node ${q(node)} cannot update labels through pod status`)
  }
  if (!deepEqual(old.status?.resourceClaimStatuses ?? [], pod.status?.resourceClaimStatuses ?? [])) {
    throw refusal(attributes, `node ${q(node)} cannot update resource claim statues`)
  }
}

function checkNode(node: string, attributes: AdmissionAttributes): void {
  // With generated names left aside, the name of a node being created is in the object alone.
  const name = attributes.name || (attributes.object?.metadata.name ?? '')
  if (name !== node) throw refusal(attributes, `node ${q(node)} is not allowed to modify node ${q(name)}`)
  if (attributes.operation === 'DELETE') return
  const wanted = attributes.object as Node
  const old = attributes.oldObject as Node | undefined
  const labels = forbiddenLabels(wanted.metadata.labels, old?.metadata.labels)
  if (old === undefined) {
    if (labels.length === 0) return
    throw refusal(attributes, `node ${q(node)} is not allowed to set the following labels: ${labels.join(', ')}`)
  }
  if (!deepEqual(wanted.spec?.taints ?? [], old.spec?.taints ?? [])) {
    throw refusal(attributes, `node ${q(node)} is not allowed to modify taints`)
  }
  if (!deepEqual(wanted.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? [])) {
    throw refusal(attributes, `node ${q(node)} is not allowed to modify ownerReferences`)
  }
  if (labels.length > 0) throw refusal(attributes, `is not allowed to modify labels: ${labels.join(', ')}`)
}

function checkClaim(node: string, attributes: AdmissionAttributes): void {
  if (attributes.subresource !== 'status') throw refusal(attributes, 'may only update PVC status')
  const comparable = (claim: PersistentVolumeClaim): unknown => {
    const { resourceVersion, managedFields, ...metadata } = claim.metadata
    const { capacity, conditions, allocatedResources, allocatedResourceStatuses, ...status } = claim.status ?? {}
    return { metadata, spec: claim.spec, status }
  }
  const [wanted, old] = [attributes.object, attributes.oldObject] as [PersistentVolumeClaim, PersistentVolumeClaim]
  if (deepEqual(comparable(wanted), comparable(old))) return
  throw refusal(
    attributes,
    `node ${q(node)} is not allowed to update fields other than status.quantity and status.conditions`,
  )
}

async function checkToken(node: string, attributes: AdmissionAttributes, context: AdmissionContext): Promise<void> {
  if (attributes.operation !== 'CREATE' || attributes.subresource !== 'token') return
  const { spec } = attributes.object as TokenRequest
  const ref = spec.boundObjectRef
  if (ref?.apiVersion !== 'v1' || ref.kind !== 'Pod' || !ref.name) {
    throw refusal(attributes, 'node requested token not bound to a pod')
  }
  if (!ref.uid) throw refusal(attributes, 'node requested token with a pod binding without a uid')
  const { objects } = context
  const isOurs = (pod: Pod | undefined): boolean => pod?.metadata.uid === ref.uid && pod?.spec?.nodeName === node
  // The kubelet may have learnt of its pod sooner than our cache.
  const cached = objects.get(Pods, ref.name, attributes.namespace)
  const pod = isOurs(cached) ? cached : await objects.getFresh(Pods, ref.name, attributes.namespace)
  if (pod === undefined) throw notFoundError({ group: '', resource: 'pods', name: ref.name })
  if (pod.metadata.uid !== ref.uid) {
    throw refusal(
      attributes,
      `the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    )
  }
  if (pod.spec?.nodeName !== node) {
    throw refusal(attributes, 'node requested token bound to a pod scheduled on a different node')
  }
  if (context.featureGates?.enabled('ServiceAccountNodeAudienceRestriction') === false) return
  await checkAudience(pod, spec, attributes, context)
}

/** For whom a token may be: as the volumes of its pod say, or as the node is allowed besides. */
async function checkAudience(
  pod: Pod,
  spec: TokenRequest['spec'],
  attributes: AdmissionAttributes,
  { objects, authorizer }: AdmissionContext,
): Promise<void> {
  const audiences = spec.audiences ?? []
  if (audiences.length > 1) throw refusal(attributes, 'node may only request 0 or 1 audiences')
  const audience = audiences[0] ?? ''
  const found = findAudience(pod, audience, objects)
  if (found === true) return
  if (found !== false) throw refusal(attributes, `error validating audience ${q(audience)}: ${found}`)
  const { user, namespace, name } = attributes
  const verb = 'request-serviceaccounts-token-audience'
  const base = { user, verb, namespace, name, isResourceRequest: true, path: '', apiGroup: '', apiVersion: 'v1' }
  const { decision } = await authorizer.authorize({ ...base, resource: audience, subresource: '' })
  if (decision === 'allow') return
  throw refusal(
    attributes,
    `audience ${q(audience)} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`,
  )
}

function checkLease(node: string, attributes: AdmissionAttributes): void {
  const name = attributes.name || (attributes.object?.metadata.name ?? '')
  if (attributes.namespace !== 'kube-node-lease') {
    throw refusal(attributes, 'can only access leases in the "kube-node-lease" system namespace')
  }
  if (attributes.operation === 'DELETE' || name === node) return
  throw refusal(attributes, 'can only access node lease with the same name as the requesting node')
}

function checkCsiNode(node: string, attributes: AdmissionAttributes): void {
  if ((attributes.name || attributes.object?.metadata.name) === node) return
  throw refusal(attributes, 'can only access CSINode with the same name as the requesting node')
}

async function checkCsr(node: string, attributes: AdmissionAttributes): Promise<void> {
  if (attributes.operation !== 'CREATE' || attributes.subresource !== '') return
  const { signerName, request } = (attributes.object as CertificateSigningRequest).spec
  if (signerName !== SIGNERS.kubeletServing && signerName !== SIGNERS.kubeletClient) return
  const pem = Buffer.from(request, 'base64').toString('utf8')
  const parsed = await parseCertificateRequest(pem).catch((error: unknown) => {
    throw refusal(attributes, `unable to parse csr: ${messageOf(error)}`)
  })
  const name = `${NODE_USER_PREFIX}${node}`
  if (parsed.subject.commonName !== name) {
    throw refusal(attributes, `can only create a node CSR with CN=${name}`)
  }
}
