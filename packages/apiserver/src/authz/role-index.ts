import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from '@canopus/api'
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '@canopus/api/rbac/v1'
import type { KubeObject } from '@canopus/apimachinery'
import { serviceAccountUser } from '../authn/user.ts'
import type { ObjectChange, ObjectReader, User } from '../security.ts'

type Binding = ClusterRoleBinding | RoleBinding
type BySubject<T> = Map<string, Map<string, T>>

/**
 * Roles and bindings by the questions that authorization asks, kept current from the API server's own caches: the
 * bindings of a user or group, and the rules of a role. Nothing is copied.
 */
export class RoleIndex {
  readonly #clusterRoles = new Map<string, ClusterRole>()
  readonly #roles = new Map<string, Role>()
  readonly #clusterBindings: BySubject<ClusterRoleBinding> = new Map()
  readonly #bindings = new Map<string, BySubject<RoleBinding>>()

  constructor(objects: ObjectReader) {
    objects.onChange(ClusterRoles, change => keep(this.#clusterRoles, change.object.metadata.name!, change))
    objects.onChange(Roles, change => keep(this.#roles, keyOf(change.object), change))
    objects.onChange(ClusterRoleBindings, change => rebind(this.#clusterBindings, change))
    objects.onChange(RoleBindings, change => {
      const namespace = change.object.metadata.namespace!
      const bySubject = this.#bindings.get(namespace) ?? new Map()
      rebind(bySubject, change)
      if (bySubject.size > 0) this.#bindings.set(namespace, bySubject)
      else this.#bindings.delete(namespace)
    })
  }

  /** Calls `visit` for each binding that names the user or one of their groups, until it answers true. */
  visitBindings(user: User, namespace: string, visit: (binding: Binding, subject: Subject) => boolean): boolean {
    if (visitSubjects(this.#clusterBindings, user, visit)) return true
    const own = namespace === '' ? undefined : this.#bindings.get(namespace)
    return own !== undefined && visitSubjects(own, user, visit)
  }

  /** The rules that a binding refers to; `undefined` where the role does not exist. `namespace` is the binding's. */
  rulesOf(ref: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    const role =
      ref.kind === 'ClusterRole' ? this.#clusterRoles.get(ref.name) : this.#roles.get(`${namespace}/${ref.name}`)
    return role && (role.rules ?? [])
  }
}

/** The name under which a subject's bindings are found. */
export function subjectKey(subject: Subject, bindingNamespace: string): string | undefined {
  switch (subject.kind) {
    case 'User':
      return `u:${subject.name}`
    case 'Group':
      return `g:${subject.name}`
    case 'ServiceAccount': {
      const namespace = subject.namespace || bindingNamespace
      return namespace ? `u:${serviceAccountUser(namespace, subject.name)}` : undefined
    }
    default:
      return undefined
  }
}

const keyOf = (object: KubeObject): string => `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`

function keep<T extends KubeObject>(map: Map<string, T>, key: string, change: ObjectChange<T>): void {
  if (change.type === 'deleted') map.delete(key)
  else map.set(key, change.object)
}

function rebind<T extends Binding>(index: BySubject<T>, change: ObjectChange<T>): void {
  const name = change.object.metadata.name!
  const remove = (binding: T): void => {
    for (const key of keysOf(binding)) {
      const found = index.get(key)
      found?.delete(name)
      if (found?.size === 0) index.delete(key)
    }
  }
  if (change.old !== undefined) remove(change.old)
  if (change.type === 'deleted') {
    remove(change.object)
    return
  }
  for (const key of keysOf(change.object)) {
    const found = index.get(key)
    if (found === undefined) index.set(key, new Map([[name, change.object]]))
    else found.set(name, change.object)
  }
}

function keysOf(binding: Binding): string[] {
  const namespace = binding.metadata.namespace ?? ''
  return (binding.subjects ?? []).map(subject => subjectKey(subject, namespace)).filter(key => key !== undefined)
}

function visitSubjects(
  index: BySubject<Binding>,
  user: User,
  visit: (binding: Binding, subject: Subject) => boolean,
): boolean {
  const visitKey = (key: string): boolean => {
    const found = index.get(key)
    if (found === undefined) return false
    for (const binding of found.values()) {
      const namespace = binding.metadata.namespace ?? ''
      const subject = binding.subjects!.find(each => subjectKey(each, namespace) === key)!
      if (visit(binding, subject)) return true
    }
    return false
  }
  if (visitKey(`u:${user.name}`)) return true
  for (const group of user.groups) if (visitKey(`g:${group}`)) return true
  return false
}
