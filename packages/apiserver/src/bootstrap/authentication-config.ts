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
  readonly clientCa: string
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
 * Writes the config map `kube-system/extension-apiserver-authentication`. Authorities that are in it stay until they expire: other
 * API servers, or what this one was started with before, may still be trusted by them.
 */
export async function ensureAuthenticationConfig(
  client: Client,
  facts: AuthenticationFacts,
  clock: Clock = systemClock,
): Promise<void> {
  const data: Record<string, string> = { [CLIENTS]: combineBundles('', facts.clientCa, clock.now()) }
  if (facts.requestHeaderClientCa !== undefined) {
    data[PROXIES] = combineBundles('', facts.requestHeaderClientCa, clock.now())
    data['requestheader-allowed-names'] = JSON.stringify(facts.requestHeaderAllowedNames ?? ['front-proxy-client'])
    const names = { ...REQUEST_HEADERS, ...facts.requestHeaders }
    data['requestheader-username-headers'] = JSON.stringify(names.usernameHeaders)
    if (names.uidHeaders.length > 0) data['requestheader-uid-headers'] = JSON.stringify(names.uidHeaders)
    data['requestheader-group-headers'] = JSON.stringify(names.groupHeaders)
    data['requestheader-extra-headers-prefix'] = JSON.stringify(names.extraHeaderPrefixes)
  }
  const wanted: Draft<ConfigMap> = {
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data,
  }
  await reconcileObject(client, ConfigMaps, wanted, existing => {
    const all = { ...data }
    for (const key of [CLIENTS, PROXIES]) {
      const [before, own] = [existing.data?.[key], data[key]]
      if (before !== undefined && own !== undefined) all[key] = combineBundles(before, own, clock.now())
    }
    return Object.entries(all).every(([key, value]) => existing.data?.[key] === value)
      ? { kind: 'keep' }
      : { kind: 'update', object: { ...existing, data: { ...existing.data, ...all } } }
  })
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
