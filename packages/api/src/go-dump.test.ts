import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fnv1a32, safeEncode } from '@canopus/apimachinery'
import { goDump } from './go-dump.ts'
import { schemas } from './schemas.ts'
import { testData } from './testing/test-data.ts'

/** As upstream makes a hash of it: what a program with its structures of 1.36.1 says is expected. */
const hash = (template: unknown): string =>
  safeEncode(String(fnv1a32(goDump(schemas.schemaOf('core.v1.PodTemplateSpec'), template))))

test('quantities, numbers and names', () => {
  const limits = {
    a: '0',
    b: '1e3',
    c: '12E',
    d: '500n',
    e: '3Ti',
    f: '-5',
    g: '1k',
    h: '8Ei',
    i: '123456789012345678',
    j: '5u',
    k: '100Ti',
    l: '16Ti',
    m: '1Pi',
    n: '8Gi',
    o: '64',
    p: '1e4',
    q: '1234567890123456789',
    r: '-1Pi',
  }
  const spec = {
    containers: [{ name: 'c', resources: { limits }, livenessProbe: { httpGet: { port: 0 } } }],
    volumes: [
      { name: 'e', emptyDir: { sizeLimit: '0' } },
      { name: 'p', rbd: { image: 'i', monitors: ['a', 'b'], user: 'u' } },
    ],
  }
  assert.equal(hash({ spec }), '56c74d9489')
})

test('what is empty is not there', () => {
  assert.equal(hash({ metadata: { labels: {} }, spec: { volumes: [], containers: null } }), hash({}))
})

const file = testData('api-fixtures/testdata/HEAD/apps.v1.DaemonSet.json')
test('every field that a template can have', { skip: file === undefined && 'no fixtures of the API here' }, () => {
  const untimed = (key: string, value: unknown): unknown =>
    /^(creationTimestamp|deletionTimestamp|managedFields)$/.test(key) ? undefined : value
  const { spec } = JSON.parse(readFileSync(file!, 'utf8'), untimed)
  assert.equal(hash(spec.template), '868bb6ccbb')
})
