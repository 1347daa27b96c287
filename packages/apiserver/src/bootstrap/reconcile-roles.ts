import type { ClusterRole, PolicyRule, RoleRef, Subject } from '@canopus/api/rbac/v1'
import type { Draft, KubeObject, ObjectMeta } from '@canopus/apimachinery'
import { uncovered } from '../authz/covers.ts'
import { AUTOUPDATE } from './default-roles.ts'

// What has to be done to an object that exists so that it has at least the rights of the default; pure. Upstream:
// pkg/registry/rbac/reconciliation. Whatever an administrator added stays.

type RoleLike = KubeObject & { rules?: PolicyRule[]; aggregationRule?: ClusterRole['aggregationRule'] }
type BindingLike = KubeObject & { subjects?: Subject[]; roleRef: RoleRef }

export type Change<T> = { kind: 'keep' } | { kind: 'update'; object: T } | { kind: 'replace' }

const isProtected = (metadata: ObjectMeta): boolean => metadata.annotations?.[AUTOUPDATE] === 'false'

/** The role with the default's rules, labels and annotations added, or `keep`. */
export function reconcileRole<T extends RoleLike>(existing: T, wanted: Draft<T>): Change<T> {
  if (isProtected(existing.metadata)) return { kind: 'keep' }
  const metadata = withMetadata(existing.metadata, wanted.metadata)
  // Rules of an aggregated role belong to the aggregation.
  const missing = wanted.aggregationRule === undefined ? uncovered(existing.rules ?? [], wanted.rules ?? []) : []
  const selectors = existing.aggregationRule?.clusterRoleSelectors ?? []
  const added = (wanted.aggregationRule?.clusterRoleSelectors ?? []).filter(
    each => !selectors.some(present => JSON.stringify(present) === JSON.stringify(each)),
  )
  if (metadata === existing.metadata && missing.length === 0 && added.length === 0) return { kind: 'keep' }
  const rules =
    missing.length === 0 ? existing.rules : [...(existing.rules ?? []), ...lacking(existing.rules, wanted.rules)]
  return {
    kind: 'update',
    object: {
      ...existing,
      metadata,
      ...(rules === undefined ? {} : { rules }),
      ...(added.length === 0 ? {} : { aggregationRule: { clusterRoleSelectors: [...selectors, ...added] } }),
    },
  }
}

/** The binding with the default's subjects added; `replace` where it refers to another role, which cannot be changed. */
export function reconcileBinding<T extends BindingLike>(existing: T, wanted: Draft<T>): Change<T> {
  if (isProtected(existing.metadata)) return { kind: 'keep' }
  const { kind, name } = existing.roleRef
  if (kind !== wanted.roleRef.kind || name !== wanted.roleRef.name) return { kind: 'replace' }
  const metadata = withMetadata(existing.metadata, wanted.metadata)
  const present = existing.subjects ?? []
  const added = (wanted.subjects ?? []).filter(
    each => !present.some(one => one.kind === each.kind && one.name === each.name && one.namespace === each.namespace),
  )
  if (metadata === existing.metadata && added.length === 0) return { kind: 'keep' }
  return {
    kind: 'update',
    object: { ...existing, metadata, ...(added.length === 0 ? {} : { subjects: [...present, ...added] }) },
  }
}

/** Whole rules of `wanted` of which something is missing. */
function lacking(held: readonly PolicyRule[] | undefined, wanted: readonly PolicyRule[] | undefined): PolicyRule[] {
  return (wanted ?? []).filter(rule => uncovered(held ?? [], [rule]).length > 0)
}

/** The same value where nothing is missing. Labels and annotations that exist keep their values. */
function withMetadata(existing: ObjectMeta, wanted: Partial<ObjectMeta>): ObjectMeta {
  const labels = { ...wanted.labels, ...existing.labels }
  const annotations = { ...wanted.annotations, ...existing.annotations }
  const same =
    Object.keys(labels).length === Object.keys(existing.labels ?? {}).length &&
    Object.keys(annotations).length === Object.keys(existing.annotations ?? {}).length
  return same ? existing : { ...existing, labels, annotations }
}

/** Fills in the rules of aggregated roles from the roles of the same set, as the aggregation controller does later. */
export function aggregateRules(roles: readonly Draft<ClusterRole>[]): Draft<ClusterRole>[] {
  const byName = new Map(roles.map(role => [role.metadata.name, role]))
  const rulesOf = (role: Draft<ClusterRole>): PolicyRule[] => {
    const selectors = role.aggregationRule?.clusterRoleSelectors
    if (selectors === undefined) return role.rules ?? []
    const chosen = [...byName.values()]
      .filter(other => other !== role && selectors.some(({ matchLabels }) => hasLabels(other, matchLabels ?? {})))
      .sort((left, right) => (left.metadata.name! < right.metadata.name! ? -1 : 1))
    const rules: PolicyRule[] = []
    const seen = new Set<string>()
    for (const rule of chosen.flatMap(rulesOf)) {
      const key = JSON.stringify(rule)
      if (!seen.has(key)) rules.push(rule)
      seen.add(key)
    }
    return rules
  }
  return roles.map(role => (role.aggregationRule === undefined ? role : { ...role, rules: rulesOf(role) }))
}

const hasLabels = (object: Draft<ClusterRole>, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(labels).every(([key, value]) => object.metadata.labels?.[key] === value)
