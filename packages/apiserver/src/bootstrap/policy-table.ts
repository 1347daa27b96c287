import type { PolicyRule } from '@canopus/api/rbac/v1'

// Shorthand for the tables of default roles: words are separated by spaces, the core group is written `core`.

export const CORE = 'core'
export const READ = 'get list watch'
export const WRITE = 'create delete deletecollection patch update'
export const READ_WRITE = 'create delete deletecollection get list patch update watch'

const words = (text: string): string[] => text.split(' ')

/** A rule on resources. */
export function rule(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  return {
    apiGroups: words(groups).map(group => (group === CORE ? '' : group)),
    ...(names === undefined ? {} : { resourceNames: words(names) }),
    resources: words(resources),
    verbs: words(verbs),
  }
}

/** A rule on paths outside the API. */
export function urls(verbs: string, paths: string): PolicyRule {
  return { nonResourceURLs: words(paths), verbs: words(verbs) }
}

/** What everybody needs who reports events. */
export const EVENTS: PolicyRule = rule('create patch update', 'core events.k8s.io', 'events')
