import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ConfigMaps, Deployments, Namespaces } from '@canopus/api'
import type { ResourceType } from '@canopus/apimachinery'
import type { TransportRequest } from '@canopus/client'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

let memory: MemoryServer
before(async () => {
  memory = await startMemoryServer()
  await given('POST', Namespaces, '', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } })
})
after(() => memory.stop())

const USER = { name: 'tester', groups: ['system:masters', 'system:authenticated'] }
const pathOf = ({ group, version, plural, namespaced }: ResourceType<never> | ResourceType): string =>
  `${group === '' ? '/api' : `/apis/${group}`}/${version}/${namespaced ? 'namespaces/a/' : ''}${plural}`

interface Answer {
  status: number
  object: { metadata?: Record<string, unknown>; message?: string }
  asked: boolean
}

async function send(
  method: TransportRequest['method'],
  path: string,
  contentType: string,
  body: Pick<TransportRequest, 'value'>,
  text: string,
): Promise<Answer> {
  let asked = false
  const response = await memory.server.transport(USER).send({
    method,
    path,
    headers: { 'content-type': contentType, accept: 'application/json' },
    ...body,
    get body() {
      asked = true
      return new TextEncoder().encode(text)
    },
  })
  const object = JSON.parse(new TextDecoder().decode(await response.bytes())) as Answer['object']
  return { status: response.status, object, asked }
}

const given = (
  method: TransportRequest['method'],
  type: ResourceType,
  suffix: string,
  value: unknown,
  contentType = 'application/json',
): Promise<Answer> => send(method, pathOf(type) + suffix, contentType, { value }, JSON.stringify(value))

const written = (
  method: TransportRequest['method'],
  type: ResourceType,
  suffix: string,
  value: unknown,
  contentType = 'application/json',
): Promise<Answer> => send(method, pathOf(type) + suffix, contentType, {}, JSON.stringify(value))

const configMap = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: 'b' },
  ...more,
})
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
const deployment = (name: string, replicas: unknown) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: { replicas, selector: { matchLabels: { a: 'b' } }, template },
})
const MERGE = 'application/merge-patch+json'
const STRATEGIC = 'application/strategic-merge-patch+json'

/** Without what differs from one object to the next. */
function comparable({ status, object }: Answer): unknown {
  const { metadata: { name, uid, resourceVersion, creationTimestamp, managedFields, ...metadata } = {}, ...rest } =
    object as Answer['object'] & { metadata?: Record<string, unknown> }
  const owners = JSON.stringify(managedFields ?? null).replaceAll(/"time":"[^"]*"/g, '"time":""')
  return { status, rest: JSON.parse(JSON.stringify(rest).replaceAll(/ng-\d/g, 'ng')), metadata, owners }
}

interface Posted {
  text: string
  type?: ResourceType
  query?: string
  of(name: string): unknown
  /** Whether the server has to read the text. */
  asks?: boolean
}

const posted: readonly Posted[] = [
  { text: 'an object', of: name => configMap(name) },
  { text: 'with members that have no value', of: name => configMap(name, { data: undefined }) },
  { text: 'with defaults', type: Deployments, of: name => deployment(name, 2) },
  { text: 'of another type', type: Deployments, of: name => deployment(name, 'two'), asks: true },
  { text: 'with a fraction', type: Deployments, of: name => deployment(name, 1.5), asks: true },
  {
    text: 'with unknown fields',
    query: '?fieldValidation=Strict',
    of: name => configMap(name, { date: {} }),
    asks: true,
  },
  { text: 'of another kind', of: name => deployment(name, 2), asks: true },
  { text: 'no object', of: () => 5, asks: true },
]

for (const { text, type = ConfigMaps, query = '', of, asks = false } of posted) {
  test(`a body given as a value is answered like its text: ${text}`, async () => {
    const one = await given('POST', type, query, of('ng-1'))
    const other = await written('POST', type, query, of('ng-2'))
    assert.deepEqual(comparable(one), comparable(other))
    assert.equal(one.asked, asks)
    for (const name of ['ng-1', 'ng-2']) await given('DELETE', type, `/${name}`, undefined)
  })
}

const patches: readonly [text: string, contentType: string, patch: unknown][] = [
  ['merge', MERGE, { data: { a: null, c: 'd' }, metadata: { labels: { x: 'y' } } }],
  ['strategic', STRATEGIC, { data: { c: 'd' } }],
  ['json', 'application/json-patch+json', [{ op: 'replace', path: '/data/a', value: 'x' }]],
  ['that does not fit', 'application/json-patch+json', [{ op: 'test', path: '/data/a', value: 'x' }]],
]
for (const [text, contentType, patch] of patches) {
  test(`a patch given as a value is answered like its text: ${text}`, async () => {
    for (const name of ['ng-1', 'ng-2']) await given('POST', ConfigMaps, '', configMap(name))
    const one = await given('PATCH', ConfigMaps, '/ng-1', patch, contentType)
    const other = await written('PATCH', ConfigMaps, '/ng-2', patch, contentType)
    assert.deepEqual(comparable(one), comparable(other))
    assert.equal(one.asked, false)
    for (const name of ['ng-1', 'ng-2']) await given('DELETE', ConfigMaps, `/${name}`, undefined)
  })
}

test("what was given stays the caller's: neither changes what the other has", async () => {
  const value = configMap('own') as { metadata: Record<string, unknown>; data: Record<string, string> }
  Object.freeze(value.metadata)
  assert.equal((await given('POST', ConfigMaps, '', value)).status, 201)
  value.data.a = 'changed'
  const stored = await send('GET', `${pathOf(ConfigMaps)}/own`, '', {}, '')
  assert.deepEqual((stored.object as { data?: unknown }).data, { a: 'b' })
})

test('an update that conflicts is made of the same value again', async () => {
  await given('POST', ConfigMaps, '', configMap('twice'))
  const answers = await Promise.all(
    ['x', 'y', 'z'].map(a => given('PUT', ConfigMaps, '/twice', configMap('twice', { data: { a } }))),
  )
  assert.deepEqual(
    answers.map(({ status, asked }) => [status, asked]),
    [
      [200, false],
      [200, false],
      [200, false],
    ],
  )
})
