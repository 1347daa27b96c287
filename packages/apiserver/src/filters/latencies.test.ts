import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { Latencies, measured } from './latencies.ts'

describe('latencies of a request', () => {
  test('are the sum of what comes one after the other, and the longest of what is done at once', () => {
    const latencies = new Latencies(new SimulatedClock())
    for (const spent of [300, 250.5]) {
      latencies.add('mutating-webhook', spent)
      latencies.add('validating-webhook', spent)
    }
    assert.equal(latencies.webhooks, 850.5)
    assert.deepEqual(latencies.annotations(1500), [
      ['apiserver.latency.k8s.io/mutating-webhook', '550.5ms'],
      ['apiserver.latency.k8s.io/validating-webhook', '300ms'],
      ['apiserver.latency.k8s.io/total', '1.5s'],
    ])
  })

  test('are told of where something took time', () => {
    const latencies = new Latencies(new SimulatedClock())
    latencies.measure('authentication', () => 'at once')
    assert.deepEqual(latencies.annotations(600), [])
  })

  test('are measured also of what fails, and of what is waited for', async () => {
    const clock = new SimulatedClock()
    const latencies = new Latencies(clock)
    const wait = async (): Promise<string> => {
      await clock.advance(7)
      return 'done'
    }
    assert.equal(await latencies.measure('etcd', wait), 'done')
    const fail = async (): Promise<never> => {
      await clock.advance(5)
      throw new Error('no')
    }
    await assert.rejects(async () => latencies.measure('etcd', fail), /no/)
    assert.equal(
      measured(undefined, 'etcd', () => 1),
      1,
    )
    assert.deepEqual(latencies.annotations(600)[0], ['apiserver.latency.k8s.io/etcd', '12ms'])
  })
})
