import type { User } from '../security.ts'

// Well-known names: k8s.io/apiserver/pkg/authentication/user/user.go.
export const ALL_AUTHENTICATED = 'system:authenticated'
export const ALL_UNAUTHENTICATED = 'system:unauthenticated'
export const ANONYMOUS = 'system:anonymous'
export const PRIVILEGED_GROUP = 'system:masters'
export const NODES_GROUP = 'system:nodes'
export const NODE_USER_PREFIX = 'system:node:'
export const ALL_SERVICE_ACCOUNTS = 'system:serviceaccounts'

const SERVICE_ACCOUNT_PREFIX = 'system:serviceaccount:'

/** Extra keys that say more of a credential (k8s.io/apiserver/pkg/authentication). */
export const EXTRA = {
  credentialId: 'authentication.kubernetes.io/credential-id',
  podName: 'authentication.kubernetes.io/pod-name',
  podUid: 'authentication.kubernetes.io/pod-uid',
  nodeName: 'authentication.kubernetes.io/node-name',
  nodeUid: 'authentication.kubernetes.io/node-uid',
} as const

/** The user name of a service account. */
export function serviceAccountUser(namespace: string, name: string): string {
  return `${SERVICE_ACCOUNT_PREFIX}${namespace}:${name}`
}

/** The groups that every service account of a namespace is in. */
export function serviceAccountGroups(namespace: string): string[] {
  return [ALL_SERVICE_ACCOUNTS, `${ALL_SERVICE_ACCOUNTS}:${namespace}`]
}

/** Namespace and name behind a service account's user name; `undefined` for other users. */
export function parseServiceAccountUser(user: string): { namespace: string; name: string } | undefined {
  if (!user.startsWith(SERVICE_ACCOUNT_PREFIX)) return undefined
  const parts = user.slice(SERVICE_ACCOUNT_PREFIX.length).split(':')
  const [namespace, name] = parts
  return parts.length === 2 && namespace && name ? { namespace, name } : undefined
}

/** The node behind a kubelet's user (`system:node:<name>` in `system:nodes`); `undefined` for other users. */
export function nodeNameOf(user: User): string | undefined {
  return user.name.startsWith(NODE_USER_PREFIX) && user.groups.includes(NODES_GROUP)
    ? user.name.slice(NODE_USER_PREFIX.length)
    : undefined
}

/** Adds `system:authenticated`, as every credential but the anonymous one gets it. */
export function asAuthenticated(user: User): User {
  if (user.name === ANONYMOUS || user.groups.includes(ALL_AUTHENTICATED) || user.groups.includes(ALL_UNAUTHENTICATED)) {
    return user
  }
  return { ...user, groups: [...user.groups, ALL_AUTHENTICATED] }
}

/** Calls `next` with the value now, or when it comes. */
export function then<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
