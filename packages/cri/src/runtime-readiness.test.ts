import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { runtimeNotReady } from './runtime-readiness.ts'
import type { RuntimeCondition } from './types.ts'

const condition = (type: string, status: boolean, reason = '', message = ''): RuntimeCondition => ({
  type,
  status,
  reason,
  message,
})
const runtime = condition('RuntimeReady', true)
const network = condition('NetworkReady', true)
const noNetwork = condition('NetworkReady', false, 'NetworkPluginNotReady', 'cni plugin not initialized')
const noNetworkText =
  'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized'

describe('whether the runtime keeps a node from being ready', () => {
  const table: [name: string, conditions: RuntimeCondition[], expected: string | undefined][] = [
    ['both conditions hold', [runtime, network], undefined],
    [
      'what else a runtime reports is no reason',
      [runtime, network, condition('ContainerdHasNoDeprecationWarnings', false, 'ContainerdHasDeprecationWarnings')],
      undefined,
    ],
    ['no network yet', [runtime, noNetwork], noNetworkText],
    ['neither, one of which it does not report', [noNetwork], `[container runtime not ready: <nil>, ${noNetworkText}]`],
  ]
  for (const [name, conditions, expected] of table)
    test(name, () => assert.equal(runtimeNotReady(conditions), expected))
})
