import type { PolicyRule } from '@canopus/api/rbac/v1'

// Whether rights are part of other rights: upstream pkg/registry/rbac/validation/rule.go (Covers).

/** The rules of `wanted`, taken apart to one verb and one resource each, that `held` do not cover. */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(takeApart).filter(part => !held.some(rule => covers(rule, part)))
}

/** One rule per combination, so that each is either covered by a single held rule or not at all. */
function takeApart(rule: PolicyRule): PolicyRule[] {
  const parts: PolicyRule[] = []
  for (const apiGroup of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const verb of rule.verbs) {
        const part = { apiGroups: [apiGroup], resources: [resource], verbs: [verb] }
        if (!rule.resourceNames?.length) parts.push(part)
        else for (const name of rule.resourceNames) parts.push({ ...part, resourceNames: [name] })
      }
    }
  }
  for (const url of rule.nonResourceURLs ?? []) {
    for (const verb of rule.verbs) parts.push({ nonResourceURLs: [url], verbs: [verb] })
  }
  return parts
}

function covers(held: PolicyRule, part: PolicyRule): boolean {
  const verb = has(held.verbs, part.verbs)
  if (!verb) return false
  if (part.nonResourceURLs !== undefined) return coversPath(held.nonResourceURLs ?? [], part.nonResourceURLs[0]!)
  const names = held.resourceNames ?? []
  return (
    has(held.apiGroups, part.apiGroups) &&
    coversResource(held.resources ?? [], part.resources![0]!) &&
    (names.length === 0 || (part.resourceNames !== undefined && names.includes(part.resourceNames[0]!)))
  )
}

function has(list: readonly string[] | undefined, wanted: readonly string[] | undefined): boolean {
  return list !== undefined && (list.includes('*') || (wanted ?? []).every(each => list.includes(each)))
}

function coversResource(list: readonly string[], resource: string): boolean {
  if (list.includes('*') || list.includes(resource)) return true
  const slash = resource.indexOf('/')
  return slash >= 0 && list.includes(`*${resource.slice(slash)}`)
}

function coversPath(list: readonly string[], path: string): boolean {
  return list.some(each => each === path || (each.endsWith('*') && path.startsWith(each.slice(0, -1))))
}

/** Puts parts on the same resource together that differ in the verb alone, for a message that can be read. */
export function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const joined = new Map<string, PolicyRule>()
  const others: PolicyRule[] = []
  for (const rule of rules) {
    if (rule.nonResourceURLs !== undefined) others.push(rule)
    else {
      const { verbs, ...rest } = rule
      const key = JSON.stringify(rest)
      const known = joined.get(key)
      joined.set(key, known === undefined ? rule : { ...known, verbs: [...known.verbs, ...verbs] })
    }
  }
  return [...others, ...joined.values()]
}
