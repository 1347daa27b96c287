/** How to try out what a cluster would do: from a scenario file, and from a test. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { Deployments } from '@canopus/api'
import { parseScenario, playScenario, reportText, SOME_FAULTS, startSimulation } from '@canopus/testing'

const file = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')

it('plays the scenario: pods leave the dead node, and what does not fit stays pending', async () => {
  const report = await playScenario(parseScenario(file('scenario.yaml'), file))
  const settled = new Map(report.events.map(each => [each.event, each.settledAfter]))
  // The node is given up after fifty seconds, and its pods five minutes later.
  assert.ok(settled.get('fail east-0')! > 300 && settled.get('fail east-0')! < 420)
  assert.equal(settled.get('scale deployment/web to 20'), undefined)
  assert.ok(report.pending.every(each => /Insufficient cpu/.test(each.reason)))
  assert.deepEqual(report.nodes.find(each => each.name === 'west-1')!.pods, [])
})

it('plays the load of a day: the autoscaler follows it up at once, and down after five minutes', async () => {
  const report = await playScenario(parseScenario(file('autoscaling.yaml'), file))
  const [{ replicas } = assert.fail('no autoscaler')] = report.autoscalers
  assert.deepEqual(
    replicas.map(each => each.wanted),
    [2, 4, 8, 3],
  )
  const [, , most, fewer] = replicas.map(each => each.at)
  assert.ok(most! > 5 * 60 && most! < 6 * 60, `${most}`)
  assert.ok(fewer! > 25 * 60 && fewer! < 26 * 60, `${fewer}`)
  assert.deepEqual(
    report.workloads.map(({ name, ready }) => [name, ready]),
    [['shop', '3/3']],
  )
  assert.match(reportText(report), /AUTOSCALERS\n.*\n +shop -n default +deployment\/shop +2 at \S+, 4 at 5m/)
})

it('rolls out while requests fail, watches break and the scheduler restarts: the same way every time', async () => {
  const simulation = await startSimulation({ seed: 42, nodes: 5, faults: SOME_FAULTS })
  const deployments = simulation.client.resource(Deployments)
  const labels = { app: 'web' }
  await deployments.create({
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 10,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'example:1' }] } },
    },
  })
  const isDone = async (): Promise<boolean> => {
    const { metadata, status } = await deployments.get('web', { namespace: 'default' })
    return (
      status?.observedGeneration === metadata.generation &&
      status?.updatedReplicas === 10 &&
      !status.unavailableReplicas
    )
  }
  await simulation.until(isDone)
  simulation.restart('scheduler', 10_000)
  const image = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'example:2' }]
  await deployments.patch('web', 'json', image, { namespace: 'default' })
  const took = await simulation.until(isDone)
  assert.ok(took >= 10_000, `the scheduler was away for ten seconds, and it took ${took} ms`)
  await simulation.stop()
})
