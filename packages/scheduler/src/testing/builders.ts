import type { Namespace, Node, Pod } from '@canopus/api/core/v1'
import type { Requirement } from '@canopus/apimachinery'
import { SeededRandom } from '@canopus/base'
import { ClusterCache } from '../cache.ts'
import { type Decision, SchedulingCycle } from '../cycle.ts'
import { failureMessage } from '../diagnosis.ts'
import type { ClusterView, Profile } from '../framework.ts'
import { namespaceLabelsFrom, podInfo } from '../pod-info.ts'
import { defaultProfile } from '../profile.ts'

type PodSpec = NonNullable<Pod['spec']>
let uids = 0

export interface PodFacts {
  namespace?: string
  labels?: Record<string, string>
  requests?: Record<string, string>
  spec?: Partial<PodSpec>
  status?: Pod['status']
}

/** A pod with one container. */
export function aPod(name: string, facts: PodFacts = {}): Pod {
  const { namespace = 'default', labels, requests, spec, status } = facts
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `uid-${++uids}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(labels ? { labels } : {}),
    },
    spec: {
      containers: [{ name: 'main', image: 'img', ...(requests ? { resources: { requests } } : {}) }],
      schedulerName: 'default-scheduler',
      ...spec,
    },
    ...(status ? { status } : {}),
  }
}

export interface NodeFacts {
  labels?: Record<string, string>
  allocatable?: Record<string, string>
  spec?: Node['spec']
  images?: { names: string[]; sizeBytes: number }[]
  declaredFeatures?: string[]
}

/** A node with 4 cores, 8 GiB and room for 110 pods, named by its hostname label. */
export function aNode(name: string, facts: NodeFacts = {}): Node {
  const { labels, allocatable, spec, images, declaredFeatures } = facts
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      uid: `uid-${++uids}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { 'kubernetes.io/hostname': name, ...labels },
    },
    spec: spec ?? {},
    status: {
      allocatable: { cpu: '4', memory: '8Gi', pods: '110', ...allocatable },
      ...(images ? { images } : {}),
      ...(declaredFeatures ? { declaredFeatures } : {}),
    },
  }
}

export interface ScenarioFacts {
  nodes: readonly Node[]
  /** Pods with `spec.nodeName` are on their nodes. */
  pods?: readonly Pod[]
  namespaces?: Readonly<Record<string, Record<string, string>>>
  ownSelector?: readonly Requirement[]
  profile?: Profile
}

/** A cluster at rest, with questions about it. */
export interface Scenario {
  cache: ClusterCache
  cluster: ClusterView
  cycle: SchedulingCycle
  /** Name of the chosen node, or the message why there is none. */
  choose(pod: Pod): string
}

export function scenario(facts: ScenarioFacts): Scenario {
  const cache = new ClusterCache()
  for (const node of facts.nodes) cache.setNode(node)
  for (const pod of facts.pods ?? []) cache.setPod(pod)
  const namespaceOf = (name: string): Namespace | undefined => {
    const labels = facts.namespaces?.[name]
    return labels === undefined ? undefined : ({ metadata: { name, labels } } as Namespace)
  }
  const cluster: ClusterView = {
    cache,
    namespaceLabels: namespaceLabelsFrom(namespaceOf),
    ownSelector: () => facts.ownSelector ?? [],
  }
  const cycle = new SchedulingCycle(facts.profile ?? defaultProfile, cluster, new SeededRandom(1))
  const text = (decision: Decision): string =>
    'failure' in decision ? failureMessage(decision.failure, cache.nodes.length) : decision.node.name
  return { cache, cluster, cycle, choose: pod => text(cycle.decide(podInfo(pod))) }
}
