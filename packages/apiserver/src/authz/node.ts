import type { PolicyRule } from '@canopus/api/rbac/v1'
import { NODE_USER_PREFIX, NODES_GROUP, nodeNameOf } from '../authn/user.ts'
import type { Attributes, Authorizer, Decision, SubjectRules, User } from '../security.ts'
import type { NodeGraph } from './node-graph.ts'
import type { ReferenceKind } from './pod-references.ts'
import { rulesAllow } from './rules.ts'

const ALLOW: Decision = { decision: 'allow', reason: '' }
const refuse = (reason = ''): Decision => ({ decision: 'no-opinion', reason })
const READ = ['get', 'list', 'watch']
const OWN = ['get', 'create', 'update', 'patch', 'delete']
const NODE_LEASES = 'kube-node-lease'

/**
 * What a node may do (plugin/pkg/auth/authorizer/node): its own node, lease and CSI node, the pods bound to it, and what
 * those pods need. What the request's content must be is checked at admission (NodeRestriction).
 */
export class NodeAuthorizer implements Authorizer {
  readonly #graph: NodeGraph
  readonly #rules: readonly PolicyRule[]

  /** `rules` are those that every node has, for kinds that are not looked at one by one. */
  constructor(graph: NodeGraph, rules: readonly PolicyRule[]) {
    this.#graph = graph
    this.#rules = rules
  }

  authorize(attributes: Attributes): Decision {
    const { user } = attributes
    if (!user.groups.includes(NODES_GROUP) || !user.name.startsWith(NODE_USER_PREFIX)) return refuse()
    const node = nodeNameOf(user)
    if (!node) return refuse(`unknown node for user ${JSON.stringify(user.name)}`)
    if (attributes.isResourceRequest) {
      const special = this.#special(node, attributes)
      if (special !== undefined) return special
    }
    return rulesAllow(this.#rules, attributes) ? ALLOW : refuse()
  }

  rulesFor(user: User): SubjectRules {
    const none: SubjectRules = { resourceRules: [], nonResourceRules: [], incomplete: false }
    if (nodeNameOf(user) === undefined) return none
    return { ...none, incomplete: true, evaluationError: 'node authorizer does not support user rule resolution' }
  }

  #special(node: string, attributes: Attributes): Decision | undefined {
    const graph = this.#graph
    const { namespace, name } = attributes
    const needs = (kind: ReferenceKind) => () => graph.needs(node, kind, namespace, name)
    switch (`${attributes.apiGroup}/${attributes.resource}`) {
      case '/secrets':
        return readNeeded(node, attributes, needs('secrets'))
      case '/configmaps':
        return readNeeded(node, attributes, needs('configmaps'))
      case '/persistentvolumeclaims':
        return attributes.subresource === 'status'
          ? updateStatus(node, attributes, needs('persistentvolumeclaims'))
          : getNeeded(node, attributes, needs('persistentvolumeclaims'))
      case '/persistentvolumes':
        return getNeeded(node, attributes, () => graph.usesVolume(node, name))
      case 'resource.k8s.io/resourceclaims':
        return getNeeded(node, attributes, needs('resourceclaims'))
      case 'storage.k8s.io/volumeattachments':
        return getNeeded(node, attributes, () => graph.attachesHere(node, name))
      case '/serviceaccounts':
        return serviceAccount(node, attributes, needs('serviceaccounts'))
      case 'coordination.k8s.io/leases':
        return lease(node, attributes)
      case 'storage.k8s.io/csinodes':
        return csiNode(node, attributes)
      case '/nodes':
        return ownNode(node, attributes)
      case '/pods':
        return pod(node, attributes, () => graph.runs(node, namespace, name))
      default:
        return undefined
    }
  }
}

function related(node: string, attributes: Attributes, isRelated: () => boolean): Decision {
  if (attributes.name === '') return refuse('No Object name found')
  return isRelated() ? ALLOW : refuse(`no relationship found between node '${node}' and this object`)
}

function readNeeded(node: string, attributes: Attributes, isRelated: () => boolean): Decision {
  if (!READ.includes(attributes.verb)) return refuse('can only read resources of this type')
  if (attributes.subresource !== '') return refuse('cannot read subresource')
  if (attributes.namespace === '') return refuse('can only read namespaced object of this type')
  return related(node, attributes, isRelated)
}

function getNeeded(node: string, attributes: Attributes, isRelated: () => boolean): Decision {
  if (attributes.verb !== 'get') return refuse('can only get individual resources of this type')
  if (attributes.subresource !== '') return refuse('cannot get subresource')
  return related(node, attributes, isRelated)
}

function updateStatus(node: string, attributes: Attributes, isRelated: () => boolean): Decision {
  if (!['update', 'patch'].includes(attributes.verb)) return refuse('can only get/update/patch this type')
  return related(node, attributes, isRelated)
}

function serviceAccount(node: string, attributes: Attributes, isRelated: () => boolean): Decision {
  if (attributes.verb === 'get' && attributes.subresource === '') return readNeeded(node, attributes, isRelated)
  if (attributes.verb !== 'create' || attributes.name === '') {
    return refuse('can only create tokens for individual service accounts')
  }
  if (attributes.subresource !== 'token') return refuse('can only create token subresource of serviceaccount')
  return related(node, attributes, isRelated)
}

function lease(node: string, { verb, namespace, name }: Attributes): Decision {
  if (!OWN.includes(verb)) return refuse('can only get, create, update, patch, or delete a node lease')
  if (namespace !== NODE_LEASES) return refuse(`can only access leases in the "${NODE_LEASES}" system namespace`)
  // The name is not known yet at creation: admission checks it then.
  if (verb !== 'create' && name !== node) {
    return refuse('can only access node lease with the same name as the requesting node')
  }
  return ALLOW
}

function csiNode(node: string, { verb, subresource, name }: Attributes): Decision {
  if (!OWN.includes(verb)) return refuse('can only get, create, update, patch, or delete a CSINode')
  if (subresource !== '') return refuse('cannot authorize CSINode subresources')
  if (verb !== 'create' && name !== node) {
    return refuse('can only access CSINode with the same name as the requesting node')
  }
  return ALLOW
}

function ownNode(node: string, { verb, subresource, name }: Attributes): Decision {
  if (subresource === 'status') return ['update', 'patch'].includes(verb) ? ALLOW : refuse()
  if (subresource !== '') return refuse()
  if (['create', 'update', 'patch'].includes(verb)) return ALLOW
  if (!READ.includes(verb)) return refuse()
  if (name === node) return ALLOW
  return refuse(
    name === ''
      ? `node '${node}' cannot read all nodes, only its own Node object`
      : `node '${node}' cannot read '${name}', only its own Node object`,
  )
}

function pod(node: string, attributes: Attributes, isRelated: () => boolean): Decision {
  const { verb, subresource } = attributes
  if (subresource === 'status') return ['update', 'patch'].includes(verb) ? ALLOW : refuse()
  if (subresource === 'eviction') return verb === 'create' ? ALLOW : refuse()
  if (subresource !== '') return refuse()
  if (verb === 'create' || verb === 'delete') return ALLOW
  if (verb === 'get') return getNeeded(node, attributes, isRelated)
  if (verb !== 'list' && verb !== 'watch') return refuse()
  if (selects(attributes.fieldSelector, 'spec.nodeName', node)) return ALLOW
  if (attributes.name !== '') return related(node, attributes, isRelated)
  return refuse('can only list/watch pods with spec.nodeName field selector')
}

/** Whether a field selector demands exactly this value. */
function selects(selector: string | undefined, field: string, value: string): boolean {
  return (selector ?? '').split(',').some(each => {
    const match = /^([^=!]+)==?([^=]*)$/.exec(each.trim())
    return match !== null && match[1] === field && match[2] === value
  })
}
