import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodAffinityTerm } from '@canopus/api/core/v1'
import { labelSelector, matches } from '@canopus/apimachinery'
import { randomInt, SeededRandom } from '@canopus/base'
import { isRejection, type Rejection } from '../framework.ts'
import { podInfo } from '../pod-info.ts'
import { aNode, aPod, scenario } from '../testing/builders.ts'
import { interPodAffinity } from './inter-pod-affinity.ts'

const random = new SeededRandom('affinity')
const pick = <T>(...choices: readonly T[]): T => choices[randomInt(random, choices.length)]!
const teams: Record<string, Record<string, string>> = { default: { team: 'a' }, other: { team: 'b' } }

const someTerm = (): PodAffinityTerm => ({
  topologyKey: pick('zone', 'kubernetes.io/hostname', 'rack'),
  labelSelector: pick({ matchLabels: { app: pick('web', 'db') } }, {}),
  ...pick<Partial<PodAffinityTerm>>(
    {},
    {},
    { namespaces: ['other'] },
    { namespaceSelector: {} },
    { namespaceSelector: { matchLabels: { team: 'b' } } },
  ),
})
const required = (terms: PodAffinityTerm[]) =>
  terms.length === 0 ? {} : { requiredDuringSchedulingIgnoredDuringExecution: terms }

const somePod = (name: string, spec: Partial<Pod['spec']> = {}): Pod =>
  aPod(name, {
    namespace: pick('default', 'other'),
    labels: { app: pick('web', 'db', 'cache') },
    spec: {
      ...spec,
      affinity: {
        podAffinity: required(pick<PodAffinityTerm[]>([], [someTerm()], [someTerm(), someTerm()])),
        podAntiAffinity: required(pick<PodAffinityTerm[]>([], [], [someTerm()])),
      },
    },
  })

/** Whether the term, in a pod of `namespace`, means `other`; as the API's documentation puts it. */
function means(term: PodAffinityTerm, namespace: string, other: Pod): boolean {
  if (!matches(labelSelector(term.labelSelector), other.metadata.labels)) return false
  const theirs = other.metadata.namespace!
  if (term.namespaces === undefined && term.namespaceSelector === undefined) return theirs === namespace
  if (term.namespaces?.includes(theirs)) return true
  return matches(labelSelector(term.namespaceSelector), teams[theirs])
}

interface Placed {
  pod: Pod
  labels: Record<string, string>
}

/** The rule, written down plainly: which finding there is for a node with these labels. */
function expected(pod: Pod, labels: Record<string, string>, placed: readonly Placed[]): string | undefined {
  const near = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const far = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const namespace = pod.metadata.namespace!
  const together = (term: PodAffinityTerm, other: Placed): boolean =>
    labels[term.topologyKey] !== undefined && labels[term.topologyKey] === other.labels[term.topologyKey]
  const company = placed.filter(other => near.length > 0 && near.every(term => means(term, namespace, other.pod)))
  const anywhere = company.some(other => near.some(term => other.labels[term.topologyKey] !== undefined))
  const first = !anywhere && near.every(term => means(term, namespace, pod))
  for (const term of near) {
    if (labels[term.topologyKey] === undefined) return 'affinity'
    if (!first && !company.some(other => together(term, other))) return 'affinity'
  }
  if (far.some(term => placed.some(other => means(term, namespace, other.pod) && together(term, other)))) return 'own'
  const unwanted = placed.some(other =>
    (other.pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
      term => means(term, other.pod.metadata.namespace!, pod) && together(term, other),
    ),
  )
  return unwanted ? 'others' : undefined
}

const kinds: Record<string, string> = {
  "node(s) didn't match pod affinity rules": 'affinity',
  "node(s) didn't match pod anti-affinity rules": 'own',
  "node(s) didn't satisfy existing pods anti-affinity rules": 'others',
}

test('required affinity and anti-affinity agree with the rule written down plainly', () => {
  const seen = new Map<string | undefined, number>()
  for (let round = 0; round < 60; round++) {
    const nodes = Array.from({ length: 6 }, (_, i) =>
      aNode(`n${i}`, {
        labels: {
          ...pick<Record<string, string>>({}, { zone: pick('1', '2') }),
          ...pick<Record<string, string>>({}, { rack: pick('x', 'y') }),
        },
      }),
    )
    const placed: Placed[] = Array.from({ length: randomInt(random, 8) }, (_, i) => {
      const node = pick(...nodes)
      return { pod: somePod(`p${i}`, { nodeName: node.metadata.name }), labels: node.metadata.labels! }
    })
    const { cluster } = scenario({ nodes, pods: placed.map(each => each.pod), namespaces: teams })
    for (let i = 0; i < 8; i++) {
      const pod = somePod('new')
      const filter = interPodAffinity.filter!(podInfo(pod), cluster)
      assert.ok(filter === undefined || !isRejection(filter))
      for (const node of cluster.cache.nodes) {
        const finding: Rejection | undefined = filter?.check(node)
        const kind: string | undefined = finding && kinds[finding.reasons[0]!]
        assert.equal(kind, expected(pod, node.node.metadata.labels!, placed), JSON.stringify(pod.spec.affinity))
        seen.set(kind, (seen.get(kind) ?? 0) + 1)
      }
    }
  }
  for (const kind of [undefined, 'affinity', 'own', 'others']) assert.ok((seen.get(kind) ?? 0) > 20, String(kind))
})
