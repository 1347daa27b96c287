/** `--etcd-servers-overrides`: resources that have etcd servers of their own (k8s.io/apiserver/pkg/server/options/etcd.go). */
import { Failure } from '@canopus/cli'
import { lists } from '../flags.ts'

export interface EtcdOverride {
  /** `group/plural`, or `group/*`. */
  readonly resource: string
  readonly servers: readonly string[]
}

/** One etcd cluster, and what lies there and not with the rest. */
export interface EtcdElsewhere {
  readonly servers: readonly string[]
  readonly resources: readonly string[]
}

const INVALID =
  '--etcd-servers-overrides invalid, must be of format: group/resource#servers, where servers are URLs, semicolon separated'

/** Reads the flag; further ones add to it. Throws Failure. */
export function etcdOverrides(text: string, before: readonly EtcdOverride[] = []): readonly EtcdOverride[] {
  return [...before, ...lists(text, undefined).map(overrideOf)]
}

function overrideOf(text: string): EtcdOverride {
  const [resource = '', list, ...more] = text.split('#')
  const servers = list?.split(';') ?? ['']
  if (more.length > 0 || resource.split('/').length !== 2 || servers.includes('')) throw new Failure(INVALID)
  return { resource, servers }
}

/**
 * The clusters, each once, in whatever order its servers are named. What is said last of a resource counts; a cluster that then has none is
 * one to which upstream connects all the same.
 */
export function etcdClusters(overrides: readonly EtcdOverride[]): readonly EtcdElsewhere[] {
  const idOf = ({ servers }: EtcdOverride): string => servers.toSorted().join(';')
  const valid = new Map(overrides.map(each => [each.resource, idOf(each)]))
  const clusters = new Map<string, EtcdElsewhere>()
  for (const each of overrides) {
    const id = idOf(each)
    if (clusters.has(id)) continue
    const resources = [...valid].filter(([, other]) => other === id).map(([resource]) => resource)
    clusters.set(id, { servers: each.servers, resources })
  }
  return [...clusters.values()]
}
