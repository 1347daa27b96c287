import { ConfigMaps, Namespaces, PriorityClasses } from '@canopus/api'
import type { ConfigMap, Namespace } from '@canopus/api/core/v1'
import type { PriorityClass } from '@canopus/api/scheduling/v1'
import type { Draft } from '@canopus/apimachinery'
import type { Client } from '@canopus/client'
import { REQUEST_HEADERS } from '../authn/request-header.ts'
import { ensureObject, reconcileObject, reconcileObjects } from './ensure.ts'

/** Namespaces that every cluster has; the first three cannot be deleted. */
export const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const

export async function ensureNamespaces(client: Client): Promise<void> {
  const wanted = SYSTEM_NAMESPACES.map((name): Draft<Namespace> => ({ metadata: { name }, spec: {} }))
  await reconcileObjects(client, Namespaces, wanted, () => ({ kind: 'keep' }))
}

/** The two classes that come with every cluster (pkg/apis/scheduling/v1/helpers.go). */
export const SYSTEM_PRIORITY_CLASSES: readonly Draft<PriorityClass>[] = [
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
]

export async function ensurePriorityClasses(client: Client): Promise<void> {
  for (const wanted of SYSTEM_PRIORITY_CLASSES) await ensureObject(client, PriorityClasses, wanted)
}

export interface AuthenticationFacts {
  /** PEM of the authority whose client certificates are accepted. */
  clientCa: string
  /** PEM of the authority that signs the front proxy's client certificate. */
  requestHeaderClientCa?: string
  /** Common names that the front proxy's certificate may have; `front-proxy-client` where missing. */
  requestHeaderAllowedNames?: readonly string[]
  /** Headers in which the front proxy names the user; upstream's usual ones where missing. */
  requestHeaders?: RequestHeaderNames
}

export interface RequestHeaderNames {
  readonly usernameHeaders?: readonly string[]
  readonly uidHeaders?: readonly string[]
  readonly groupHeaders?: readonly string[]
  readonly extraHeaderPrefixes?: readonly string[]
}

/** How extension API servers learn whom to trust: the config map `kube-system/extension-apiserver-authentication`. */
export async function ensureAuthenticationConfig(client: Client, facts: AuthenticationFacts): Promise<void> {
  const data: Record<string, string> = { 'client-ca-file': facts.clientCa }
  if (facts.requestHeaderClientCa !== undefined) {
    data['requestheader-client-ca-file'] = facts.requestHeaderClientCa
    data['requestheader-allowed-names'] = JSON.stringify(facts.requestHeaderAllowedNames ?? ['front-proxy-client'])
    const names = { ...REQUEST_HEADERS, ...facts.requestHeaders }
    data['requestheader-username-headers'] = JSON.stringify(names.usernameHeaders)
    data['requestheader-uid-headers'] = JSON.stringify(names.uidHeaders)
    data['requestheader-group-headers'] = JSON.stringify(names.groupHeaders)
    data['requestheader-extra-headers-prefix'] = JSON.stringify(names.extraHeaderPrefixes)
  }
  const wanted: Draft<ConfigMap> = {
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data,
  }
  await reconcileObject(client, ConfigMaps, wanted, existing =>
    Object.entries(data).every(([key, value]) => existing.data?.[key] === value)
      ? { kind: 'keep' }
      : { kind: 'update', object: { ...existing, data: { ...existing.data, ...data } } },
  )
}
