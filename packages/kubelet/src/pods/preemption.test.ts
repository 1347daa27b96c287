import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '@canopus/api/core/v1'
import { buildPod } from '../testing/builders.ts'
import { podsToPreempt } from './preemption.ts'

const pod = (name: string, requests: Record<string, string>, more: { priority?: number; limits?: boolean } = {}) => {
  const { priority = 0, limits = false } = more
  const resources = { requests, ...(limits && { limits: requests }) }
  return buildPod({ containers: [{ name: 'main', resources }], priority }, { name })
}
const critical = pod('critical', {}, { priority: 2_000_000_000 })
const small = pod('small', { cpu: '100m', memory: '100Mi' })
const large = pod('large', { cpu: '300m', memory: '300Mi' })
const promised = pod('promised', { cpu: '300m', memory: '300Mi' }, { limits: true })
const idle = pod('idle', {})
const vital = pod('vital', { cpu: '1' }, { priority: 2_000_001_000 })

const cases: [
  name: string,
  preemptor: Pod,
  pods: Pod[],
  missing: Record<string, number>,
  victims: string[] | string,
][] = [
  ['the one that is enough', critical, [small, large], { cpu: 200 }, ['large']],
  ['the smaller one where both are enough', critical, [large, small], { cpu: 100 }, ['small']],
  ['both where one is not enough', critical, [small, large], { cpu: 350 }, ['large', 'small']],
  ['those that were promised less', critical, [promised, large], { cpu: 300 }, ['large']],
  ['the promised one where it must be', critical, [promised, small], { cpu: 300 }, ['promised']],
  ['one that asks for nothing, for its place', critical, [idle], { pods: 1 }, ['idle']],
  ['more important ones stay', critical, [vital, small], { cpu: 500 }, '[(res: cpu, q: 400), ]'],
  ['lesser ones go for a critical one', vital, [critical, small], { cpu: 50 }, ['small']],
  ['all resources count', critical, [small, large], { cpu: 50, memory: 200 * 2 ** 20 }, ['large']],
]
for (const [name, preemptor, pods, missing, expected] of cases)
  test(`preemption: ${name}`, () => {
    const victims = podsToPreempt(preemptor, pods, new Map(Object.entries(missing)))
    if (typeof expected === 'string') {
      assert.ok('reason' in victims)
      assert.equal(victims.reason, 'UnexpectedAdmissionError')
      assert.ok(victims.message.endsWith(expected), victims.message)
    } else assert.deepEqual('reason' in victims ? victims : victims.map(({ metadata }) => metadata.name), expected)
  })
