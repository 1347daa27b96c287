import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodTemplateSpec } from '@canopus/api/core/v1'
import { podTemplateHash, revisionHash } from './template-hash.ts'

const TEMPLATE: PodTemplateSpec = {
  metadata: { labels: { app: 'a<b' } },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'i',
        ports: [{ containerPort: 80, protocol: 'TCP' }],
        readinessProbe: { httpGet: { path: '/', port: 'http' } },
        resources: { limits: { cpu: '500m', memory: '1Gi' } },
      },
    ],
    terminationGracePeriodSeconds: 30,
  },
}

// What a program with upstream's functions and structures of 1.36.1 says.
test('a template has the hash that upstream gives it', () => {
  assert.equal(podTemplateHash(TEMPLATE, undefined), 'b5d694756')
  assert.equal(podTemplateHash(TEMPLATE, 0), '6888969dfb')
  assert.equal(podTemplateHash(TEMPLATE, 3), '6d8f989dff')
})

test('and so has the data of a revision', () => {
  const { metadata, spec } = TEMPLATE
  const [{ name, image, ...rest }] = spec!.containers as [(typeof spec & object)['containers'][number]]
  const containers = [{ image, name, ...rest }]
  const data = { spec: { template: { $patch: 'replace', metadata, spec: { ...spec, containers } } } }
  assert.equal(revisionHash(data), '7746ffcb76')
  assert.equal(revisionHash(data, 3), '7746ffcb79')
})
