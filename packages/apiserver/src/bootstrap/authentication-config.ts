/** How extension API servers learn whom to trust (pkg/controlplane/controller/clusterauthenticationtrust). */
import { X509Certificate } from 'node:crypto'
import { ConfigMaps } from '@canopus/api'
import type { ConfigMap } from '@canopus/api/core/v1'
import type { Draft } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { Client } from '@canopus/client'
import { systemClock } from '@canopus/platform'
import { CERTIFICATES } from '../authn/issued-by.ts'
import { REQUEST_HEADERS } from '../authn/request-header.ts'
import { reconcileObject } from './ensure.ts'

export interface AuthenticationFacts {
  /** PEM of the authorities whose client certificates are accepted. */
  readonly clientCa?: string
  /** PEM of the authorities that sign the front proxy's client certificate. */
  readonly requestHeaderClientCa?: string
  /** Common names that the front proxy's certificate may have; `front-proxy-client` where missing. */
  readonly requestHeaderAllowedNames?: readonly string[]
  /** Headers in which the front proxy names the user; upstream's usual ones where missing. */
  readonly requestHeaders?: RequestHeaderNames
}

export interface RequestHeaderNames {
  readonly usernameHeaders?: readonly string[]
  readonly uidHeaders?: readonly string[]
  readonly groupHeaders?: readonly string[]
  readonly extraHeaderPrefixes?: readonly string[]
}

/**
 * Writes the config map `kube-system/extension-apiserver-authentication`. Authorities that are in it stay until they expire, and names
 * stay for good: other API servers, or what this one was started with before, may still be trusted by them.
 */
export async function ensureAuthenticationConfig(
  client: Client,
  facts: AuthenticationFacts,
  clock: Clock = systemClock,
): Promise<void> {
  const data = authenticationData(facts, clock.now())
  const wanted: Draft<ConfigMap> = {
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data,
  }
  await reconcileObject(client, ConfigMaps, wanted, existing => {
    const all = combineData(existing.data ?? {}, data, clock.now())
    return Object.entries(all).every(([key, value]) => existing.data?.[key] === value)
      ? { kind: 'keep' }
      : { kind: 'update', object: { ...existing, data: { ...existing.data, ...all } } }
  })
}

/** What the config map says of `facts` alone, without certificates that have expired by `now`. */
export function authenticationData(facts: AuthenticationFacts, now: number): Record<string, string> {
  const data: Record<string, string> = {}
  if (facts.clientCa !== undefined) data[CLIENTS] = combineBundles('', facts.clientCa, now)
  if (facts.requestHeaderClientCa === undefined) return data
  const names = { ...REQUEST_HEADERS, ...facts.requestHeaders }
  data[PROXIES] = combineBundles('', facts.requestHeaderClientCa, now)
  data['requestheader-allowed-names'] = JSON.stringify(facts.requestHeaderAllowedNames ?? ['front-proxy-client'])
  data['requestheader-username-headers'] = JSON.stringify(names.usernameHeaders)
  if (names.uidHeaders.length > 0) data['requestheader-uid-headers'] = JSON.stringify(names.uidHeaders)
  data['requestheader-group-headers'] = JSON.stringify(names.groupHeaders)
  data['requestheader-extra-headers-prefix'] = JSON.stringify(names.extraHeaderPrefixes)
  return data
}

/** What `before` said together with what `own` says: each authority and each name once, those of before first. */
export function combineData(
  before: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
  now: number,
): Record<string, string> {
  const combine = (key: string): string => {
    const [earlier, later] = [before[key], own[key]!]
    if (earlier === undefined) return later
    return key === CLIENTS || key === PROXIES ? combineBundles(earlier, later, now) : combineNames(earlier, later)
  }
  return Object.fromEntries(Object.keys(own).map(key => [key, combine(key)]))
}

/** Lists in JSON, each name once. What is no such list counts for nothing. */
function combineNames(before: string, own: string): string {
  return JSON.stringify([...new Set([...listOf(before), ...listOf(own)])])
}

function listOf(text: string): string[] {
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) ? list.filter(each => typeof each === 'string') : []
  } catch {
    return []
  }
}

const CLIENTS = 'client-ca-file'
const PROXIES = 'requestheader-client-ca-file'

/** The certificates of both bundles (PEM), each once, without those that have expired by `now` and without what else is in them. */
export function combineBundles(before: string, own: string, now: number): string {
  const found = new Map<string, string>()
  for (const text of `${before}\n${own}`.match(CERTIFICATES) ?? []) {
    const { raw, validTo } = new X509Certificate(text)
    if (Date.parse(validTo) > now) found.set(raw.toString('base64'), `${text}\n`)
  }
  return found.size === 0 ? own : [...found.values()].join('')
}
