/**
 * Who owns whom, over all kinds, as far as the informers have shown it.
 * Behaviour: kubernetes pkg/controller/garbagecollector (graph.go, graph_builder.go).
 */
import {
  FOREGROUND_FINALIZER,
  hasFinalizer,
  type KubeObject,
  ORPHAN_FINALIZER,
  type OwnerReference,
  semanticEqual,
} from '@canopus/apimachinery'

/** Where to find an object. */
export interface Identity {
  apiVersion: string
  kind: string
  name: string
  namespace: string | undefined
}

export interface GraphNode {
  readonly uid: string
  identity: Identity
  owners: readonly OwnerReference[]
  /** Most have none, and then share the empty set. */
  dependents: ReadonlySet<GraphNode>
  /** Known only because somebody names it as an owner. */
  virtual: boolean
  beingDeleted: boolean
  /** Deleted in the foreground: it waits for its dependents. */
  deletingDependents: boolean
  /** Deleted with the wish that its dependents live on. */
  orphaningDependents: boolean
}

/** Keeps the graph and says, after every change, which nodes need a look. */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>()
  readonly #outside: (dependent: GraphNode, reference: OwnerReference) => void

  /** `outside` is told of dependents that name an owner of another namespace, which cannot own them. */
  constructor(outside: (dependent: GraphNode, reference: OwnerReference) => void = () => {}) {
    this.#outside = outside
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid)
  }

  get size(): number {
    return this.#nodes.size
  }

  /** An object is there, or has changed. */
  observe(object: KubeObject, identity: Identity): GraphNode[] {
    const { uid, ownerReferences = [] } = object.metadata
    const known = this.#nodes.get(uid)
    if (known !== undefined && isAsBefore(known, object, identity)) return []
    const node = known ?? newNode(uid, identity, false)
    const before = { ...node }
    this.#nodes.set(uid, node)
    node.virtual = false
    const isRenamed = known !== undefined && !semanticEqual(before.identity, identity)
    if (isRenamed) node.identity = identity
    node.beingDeleted = object.metadata.deletionTimestamp !== undefined
    node.deletingDependents = node.beingDeleted && hasFinalizer(object, FOREGROUND_FINALIZER)
    node.orphaningDependents = node.beingDeleted && hasFinalizer(object, ORPHAN_FINALIZER)
    node.owners = ownerReferences
    // Informers give versions of an object what is the same in both.
    const wake = before.owners === ownerReferences ? [] : this.#relink(node, before.owners)
    // Those who named it may have meant something else by that name.
    if (isRenamed) {
      wake.push(...[...node.dependents].filter(dependent => this.#isMistaken(dependent, node)))
    }
    if (node.orphaningDependents && !before.orphaningDependents) wake.push(node)
    if (node.deletingDependents && !before.deletingDependents) wake.push(node, ...node.dependents)
    return wake
  }

  /** The object is gone. Its dependents may go too; owners that wait for it may go on. */
  remove(uid: string): GraphNode[] {
    const node = this.#nodes.get(uid)
    if (!node) return []
    this.#nodes.delete(uid)
    const wake = [...node.dependents]
    for (const reference of node.owners) {
      const owner = this.#nodes.get(reference.uid)
      if (owner) dropDependent(owner, node)
      if (owner?.deletingDependents) wake.push(owner)
      if (owner) this.#forgetUnnamed(owner)
    }
    // Those who still name it keep it as a node, so that the next look finds the dependents.
    if (node.dependents.size > 0) {
      const ghost = newNode(uid, node.identity, true)
      for (const dependent of node.dependents) addDependent(ghost, dependent)
      this.#nodes.set(uid, ghost)
    }
    return wake
  }

  #relink(node: GraphNode, before: readonly OwnerReference[]): GraphNode[] {
    const wake: GraphNode[] = []
    const current = new Map(node.owners.map(reference => [reference.uid, reference]))
    const former = new Map(before.map(reference => [reference.uid, reference]))
    for (const [uid, reference] of current) {
      const old = former.get(uid)
      if (old) {
        // An owner that no longer has to wait for this one may go on.
        const owner = this.#nodes.get(uid)
        if (owner?.deletingDependents && !semanticEqual(old, reference)) wake.push(owner)
        continue
      }
      const named = this.#nodes.get(uid)
      const owner = named ?? this.#addVirtual(node, reference)
      addDependent(owner, node)
      if (named && this.#isMistaken(node, owner)) wake.push(node)
      // Whether it is there at all must be asked for every dependent: it may have gone before this one was made.
      if (owner.virtual) wake.push(owner)
      if (owner.deletingDependents) wake.push(owner, node)
    }
    for (const uid of former.keys()) {
      if (current.has(uid)) continue
      const owner = this.#nodes.get(uid)
      if (owner) dropDependent(owner, node)
      if (owner?.deletingDependents) wake.push(owner)
      if (owner) this.#forgetUnnamed(owner)
    }
    return wake
  }

  /** Whether what the dependent says of its owner is not what is known of that: whether it has an owner at all must be asked. */
  #isMistaken(dependent: GraphNode, owner: GraphNode): boolean {
    const reference = dependent.owners.find(each => each.uid === owner.uid)
    if (!reference) return false
    const { apiVersion, kind, name, namespace } = owner.identity
    const isElsewhere = namespace !== dependent.identity.namespace
    if (namespace && isElsewhere) {
      if (!owner.virtual) this.#outside(dependent, reference)
      return true
    }
    const isOther = reference.apiVersion !== apiVersion || reference.kind !== kind || reference.name !== name
    return isOther || (isElsewhere && owner.virtual)
  }

  /** A node that is only a name goes when nobody names it any more. */
  #forgetUnnamed(owner: GraphNode): void {
    if (owner.virtual && owner.dependents.size === 0) this.#nodes.delete(owner.uid)
  }

  #addVirtual(dependent: GraphNode, reference: OwnerReference): GraphNode {
    const { apiVersion, kind, name, uid } = reference
    const owner = newNode(uid, { apiVersion, kind, name, namespace: dependent.identity.namespace }, true)
    this.#nodes.set(uid, owner)
    return owner
  }
}

/** Nothing that the graph is made of has changed, as with most changes of most objects. */
function isAsBefore(known: GraphNode, { metadata }: KubeObject, identity: Identity): boolean {
  const { ownerReferences = [], deletionTimestamp } = metadata
  return (
    !known.virtual &&
    !known.beingDeleted &&
    deletionTimestamp === undefined &&
    semanticEqual(known.owners, ownerReferences) &&
    semanticEqual(known.identity, identity)
  )
}

const NONE: ReadonlySet<GraphNode> = new Set()

function addDependent(owner: GraphNode, dependent: GraphNode): void {
  if (owner.dependents === NONE) owner.dependents = new Set<GraphNode>()
  ;(owner.dependents as Set<GraphNode>).add(dependent)
}

function dropDependent(owner: GraphNode, dependent: GraphNode): void {
  if (owner.dependents === NONE) return
  ;(owner.dependents as Set<GraphNode>).delete(dependent)
}

function newNode(uid: string, identity: Identity, virtual: boolean): GraphNode {
  return {
    uid,
    identity,
    owners: [],
    dependents: NONE,
    virtual,
    beingDeleted: false,
    deletingDependents: false,
    orphaningDependents: false,
  }
}

/** Dependents whose references say that this owner must not go before them. */
export function blockingDependents(node: GraphNode): GraphNode[] {
  return [...node.dependents].filter(dependent =>
    dependent.owners.some(reference => reference.uid === node.uid && reference.blockOwnerDeletion === true),
  )
}
