import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultConfiguration, readConfiguration, type SchedulerConfiguration } from './configuration.ts'
import { writtenConfiguration } from './written.ts'

describe('what is written out', () => {
  const points = { score: { disabled: [{ name: 'ImageLocality' }] }, multiPoint: { disabled: [{ name: 'NodePorts' }] } }
  const extender = {
    urlPrefix: 'https://e',
    filterVerb: 'f',
    weight: 2,
    httpTimeout: '1m30s',
    tlsConfig: { caFile: 'c' },
  }
  const cases: [name: string, given: object][] = [
    ['the defaults', {}],
    [
      'a profile with points and arguments',
      {
        profiles: [
          {
            schedulerName: 'own',
            percentageOfNodesToScore: 30,
            plugins: points,
            pluginConfig: [{ name: 'DefaultPreemption', args: { minCandidateNodesAbsolute: 7 } }],
          },
        ],
      },
    ],
    [
      'an extender, limits and a lease',
      {
        extenders: [extender],
        clientConnection: { kubeconfig: 'k', qps: 12.5, burst: 20 },
        leaderElection: { leaseDuration: '90s' },
        podMaxBackoffSeconds: 60,
      },
    ],
  ]
  for (const [name, given] of cases) {
    it(`is read as the same: ${name}`, () => {
      const read = readConfiguration(given)
      const again = readConfiguration(writtenConfiguration(read))
      assert.deepEqual(readConfiguration(writtenConfiguration(again)), again)
      const on = ({ profiles }: SchedulerConfiguration) =>
        profiles.map(each => each.plugins.map(({ name, methods }) => [name, methods]))
      assert.deepEqual(on(again), on(read))
      // Of plugins that give no scores it does not matter.
      const weights = ({ profiles }: SchedulerConfiguration) =>
        profiles.map(each => each.plugins.filter(({ weight }) => weight > 1))
      assert.deepEqual(weights(again), weights(read))
      const { profiles: _, leaderElection: __, ...others } = read
      for (const [field, value] of Object.entries(others)) assert.deepEqual(again[field as keyof typeof others], value)
      assert.equal(again.leaderElection.leaseDuration, read.leaderElection.leaseDuration ?? 15_000)
    })
  }

  it('has the arguments that plugins have by default', () => {
    const { profiles } = writtenConfiguration(defaultConfiguration) as { profiles: { pluginConfig: unknown[] }[] }
    assert.deepEqual(profiles[0]!.pluginConfig[0], {
      name: 'DefaultPreemption',
      args: {
        apiVersion: 'kubescheduler.config.k8s.io/v1',
        kind: 'DefaultPreemptionArgs',
        minCandidateNodesAbsolute: 100,
        minCandidateNodesPercentage: 10,
      },
    })
  })
})
