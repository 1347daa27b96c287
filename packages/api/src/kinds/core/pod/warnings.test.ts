import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '../../../generated/core.v1.ts'
import { podSpecWarnings } from './warnings.ts'

test('likely mistakes are named with their paths', () => {
  const spec = {
    nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
    terminationGracePeriodSeconds: -1,
    containers: [
      {
        name: 'a',
        env: [{ name: 'A' }, { name: 'A' }],
        ports: [
          { containerPort: 80, protocol: 'TCP' },
          { containerPort: 80, protocol: 'TCP' },
        ],
        resources: { limits: { memory: '1m' } },
      },
    ],
  } as unknown as PodSpec
  assert.deepEqual(podSpecWarnings('spec', spec), [
    'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
    'spec.containers[0].resources.limits[memory]: fractional byte value "1m" is invalid, must be an integer',
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
    'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
  ])
})

test('a sound spec causes none', () => {
  assert.deepEqual(podSpecWarnings('spec', { containers: [{ name: 'a' }] } as PodSpec), [])
})
