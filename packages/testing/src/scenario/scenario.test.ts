import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { playScenario } from './play.ts'
import { reportText, seconds } from './report-text.ts'
import { parseScenario } from './scenario.ts'

const noFiles = (path: string): string => {
  throw new Error(`no such file ${path}`)
}

const web = `
  - apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 3
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}, annotations: {simulation.canopus/start-delay: 4s}}
        spec: {containers: [{name: web, image: example, resources: {requests: {cpu: "1"}}}]}`

describe('parseScenario', () => {
  const wrong: [text: string, message: RegExp][] = [
    ['nodes: [', /^no valid YAML: /],
    ['- 1', /must be an object with fields/],
    ['node: []', /unknown field node; known are seed, patience, nodes/],
    ['nodes: 3', /^nodes: must be a list/],
    ['nodes: [{count: -1}]', /^nodes\[0\]\.count: must be a whole number/],
    ['nodes: [{name: a}, {name: a}]', /^nodes: two have the same name/],
    ['manifests: [web.yaml]', /^manifests\[0\]: web\.yaml cannot be read: no such file/],
    ['objects: [{apiVersion: v2, kind: Pod, metadata: {name: a}}]', /^objects\[0\]: no kind "Pod" in version "v2"/],
    ['objects: [{apiVersion: v1, kind: Pod}]', /^objects\[0\]: metadata\.name is missing/],
    ['events: [{at: soon, fail: node-0}]', /^events\[0\]\.at: must be a duration such as 90s or 5m/],
    ['events: [{at: 1m}]', /^events\[0\]: must have exactly one of fail, restore/],
    ['events: [{at: 1m, fail: node-9}]', /^events\[0\]\.fail: there is no node node-9/],
    ['events: [{at: 1m, scale: web, replicas: 2}]', /^events\[0\]\.scale: must be of the form deployment\/web/],
    ['events: [{at: 1m, load: job/a, cpu: 1}]', /^events\[0\]\.load: must be a deployment or a stateful set/],
    ['events: [{at: 1m, load: deployment/a}]', /^events\[0\]\.load: must come with cpu or memory/],
    ['events: [{at: 1m, load: deployment/a, cpu: much}]', /^events\[0\]\.load\.cpu: must be a quantity such as 250m/],
    [
      'events: [{at: 1m, load: deployment/a, replicas: 1}]',
      /^events\[0\]: unknown field replicas; known are at, load, cpu/,
    ],
    ['events: [{at: 1m, restart: kubelet}]', /^events\[0\]\.restart: must be api-server, controller-manager/],
    ['faults: yes please', /^faults: must be true or false/],
    ['heartbeats: none', /^heartbeats: must be written or implied/],
  ]
  for (const [text, message] of wrong)
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseScenario(text, noFiles), { name: 'ScenarioError', message })
    })

  it('reads targets by plural, singular and short names, and puts events in order', () => {
    const { events, nodes } = parseScenario(
      'events: [{at: 2m, delete: deploy/web -n shop}, {at: 30s, rollout: statefulset/db}]',
      noFiles,
    )
    assert.equal(nodes.length, 3)
    assert.deepEqual(
      events.map(({ at, deed }) => [at, deed.kind, 'target' in deed && `${deed.target.namespace}/${deed.target.name}`]),
      [
        [30_000, 'rollout', 'default/db'],
        [120_000, 'delete', 'shop/web'],
      ],
    )
  })
})

describe('playScenario', () => {
  it('says where pods went, what stayed pending and why, and how long things took', async () => {
    const scenario = parseScenario(
      `nodes: [{name: node, count: 2, capacity: {cpu: "2"}}]
patience: 2m
objects:${web}
events:
  - {at: 1m, scale: deployment/web, replicas: 5}
  - {at: 2m, delete: deployment/none}`,
      noFiles,
    )
    const report = await playScenario(scenario)
    const [start, scale, missing] = report.events
    assert.ok(start!.settledAfter! >= 4 && start!.settledAfter! < 6, `${start!.settledAfter}`)
    assert.deepEqual(scale!.waitingFor, ['Deployment default/web 4/5'])
    assert.match(missing!.error!, /"none" not found/)
    assert.deepEqual(
      report.nodes.map(each => each.pods.length),
      [2, 2],
    )
    assert.equal(report.pending.length, 1)
    assert.match(report.pending[0]!.reason, /0\/2 nodes are available: 2 Insufficient cpu/)
    assert.match(reportText(report), /deployment\/web -n default +4\/5 +\S+ +4(\.5)?s/)
    assert.equal((await playScenario(scenario)).digest, report.digest)
  })
})

it('tells what keeps pods from being made', async () => {
  const quota = '{apiVersion: v1, kind: ResourceQuota, metadata: {name: few}, spec: {hard: {pods: "2"}}}'
  const text = `nodes: [{count: 1}]\npatience: 1m\nobjects:\n  - ${quota}\nevents:\n  - {at: 5s, apply: web.yaml}`
  const object = web.replace('  - apiVersion', '    apiVersion')
  const { events } = await playScenario(parseScenario(text, () => object))
  assert.match(
    events[1]!.waitingFor!.join(),
    /^Deployment default\/web 2\/3 \(pods "\S+" is forbidden: exceeded quota: few/,
  )
})

it('seconds', () => {
  assert.deepEqual([0.04, 6.54, 65, 3723].map(seconds), ['0s', '6.5s', '1m05s', '1h02m03s'])
})
