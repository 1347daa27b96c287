/**
 * The life of an object of each kind, step by step as upstream's conformance tests drive it: discovery, create, get, list, watch,
 * patch, update, status, delete, deletecollection. `tests/*.txt` name this file as evidence.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster } from '@canopus/testing'
import { LIVES, type Life } from './lives.ts'

const NAMESPACE = 'lives'
const ADMINISTRATOR = { name: 'admin', groups: ['system:masters', 'system:authenticated'] }

type Transport = ReturnType<TestCluster['server']['transport']>

interface Json {
  kind: string
  metadata: {
    name: string
    uid: string
    resourceVersion: string
    labels?: object
    annotations?: Record<string, string>
  }
  items: Json[]
  status?: unknown
  resources: { name: string; kind: string; verbs: string[] }[]
}

interface Answer {
  status: number
  json: Json
}

let cluster: TestCluster
let transport: Transport

async function send(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<Answer> {
  const response = await transport.send({
    method: method as 'GET',
    path,
    headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': contentType }) },
    ...(body === undefined ? {} : { body: new TextEncoder().encode(JSON.stringify(body)) }),
  })
  return { status: response.status, json: JSON.parse(new TextDecoder().decode(await response.bytes())) as Json }
}

async function succeeds(method: string, path: string, body?: unknown, contentType?: string): Promise<Json> {
  const { status, json } = await send(method, path, body, contentType)
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`)
  return json
}

/** `/apis/apps/v1` for `apps/v1`, `/api/v1` for `v1`. */
const groupPath = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`

const collectionOf = ({ apiVersion, plural, cluster: isCluster }: Life): string =>
  `${groupPath(apiVersion)}${isCluster ? '' : `/namespaces/${NAMESPACE}`}/${plural}`

const MERGE = 'application/merge-patch+json'

/** Events of a watch with their object's name, until `count` have come. */
async function watched(path: string, count: number): Promise<string[]> {
  const response = await transport.send({ method: 'GET', path, headers: { accept: 'application/json' } })
  const events: string[] = []
  let text = ''
  for await (const chunk of response.chunks()) {
    text += new TextDecoder().decode(chunk instanceof Uint8Array ? chunk : chunk.bytes())
    const lines = text.split('\n')
    text = lines.pop()!
    for (const line of lines.filter(each => each !== '')) events.push((JSON.parse(line) as { type: string }).type)
    if (events.length >= count) break
  }
  return events
}

describe('the life of', () => {
  before(async () => {
    cluster = await startCluster({ listen: false })
    transport = cluster.server.transport(ADMINISTRATOR)
    await succeeds('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } })
  })
  after(() => cluster.stop())

  for (const life of LIVES)
    it(`${life.apiVersion} ${life.plural}`, async () => {
      const collection = collectionOf(life)
      const labels = { life: life.plural }
      const selector = `labelSelector=life%3D${life.plural}`
      const draft = (name: string): object => ({
        apiVersion: life.apiVersion,
        kind: life.kind,
        metadata: { name, labels },
        ...structuredClone(life.body),
      })

      const { resources } = await succeeds('GET', groupPath(life.apiVersion))
      const found = resources.find(each => each.name === life.plural)
      for (const verb of ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'])
        assert.ok(life.without?.includes(verb) || found?.verbs.includes(verb), `${life.plural} lack ${verb}`)

      const names = ['a', 'b', 'c'].map(each => `${life.plural}-${each}`)
      const [name] = names as [string]
      const { metadata } = await succeeds('POST', collection, draft(name))
      assert.notEqual(metadata.uid, undefined)
      assert.equal((await send('POST', collection, draft(name))).status, 409)
      const watching = watched(`${collection}?watch=true&${selector}&resourceVersion=${metadata.resourceVersion}`, 3)

      const object = `${collection}/${name}`
      assert.equal((await succeeds('GET', object)).metadata.uid, metadata.uid)
      const patched = await succeeds('PATCH', object, { metadata: { annotations: { patched: 'true' } } }, MERGE)
      assert.equal(patched.metadata.annotations?.patched, 'true')
      const updated = await retried(async () => {
        const current = await succeeds('GET', object)
        current.metadata.annotations = { ...current.metadata.annotations, updated: 'true' }
        return send('PUT', object, current)
      })
      assert.equal(updated.json.metadata.annotations?.updated, 'true', JSON.stringify(updated.json))
      // A version of the past is refused where the object is not written unconditionally.
      assert.equal(
        (await send('PUT', object, { ...updated.json, metadata: { ...updated.json.metadata, resourceVersion: '1' } }))
          .status,
        409,
      )

      if (life.status !== undefined) {
        const written = await succeeds('PATCH', `${object}/status`, { status: life.status }, MERGE)
        assert.deepEqual(pick(written.status, life.status), life.status)
        const again = await retried(async () =>
          send('PUT', `${object}/status`, await succeeds('GET', `${object}/status`)),
        )
        assert.equal(again.status, 200, JSON.stringify(again.json))
      }

      for (const other of names.slice(1)) await succeeds('POST', collection, draft(other))
      assert.deepEqual(
        (await succeeds('GET', `${collection}?${selector}`)).items.map(each => each.metadata.name),
        names,
      )
      const everywhere = await succeeds('GET', `${groupPath(life.apiVersion)}/${life.plural}?${selector}`)
      assert.equal(everywhere.items.length, 3)

      await succeeds('DELETE', object, { propagationPolicy: 'Background' })
      await isGone(object)
      if (life.without?.includes('deletecollection')) {
        for (const other of names.slice(1)) await succeeds('DELETE', `${collection}/${other}`)
      } else await succeeds('DELETE', `${collection}?${selector}`)
      await isGone(`${collection}/${names[1]}`)
      await isGone(`${collection}/${names[2]}`)
      const types = await watching
      assert.ok(
        types.includes('MODIFIED') && types.every(type => ['ADDED', 'MODIFIED', 'DELETED'].includes(type)),
        `${types}`,
      )
    })

  for (const kind of ['ConfigMap', 'Secret'])
    it(`no ${kind} has an empty key`, async () => {
      const path = `/api/v1/namespaces/${NAMESPACE}/${kind.toLowerCase()}s`
      const { status } = await send('POST', path, { metadata: { name: 'empty-key' }, data: { '': 'dmFsdWU=' } })
      assert.equal(status, 422)
    })
})

/** Controllers write status, too: a conflict is no failure. */
async function retried(write: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const answer = await write()
    if (answer.status !== 409 || attempt === 5) return answer
  }
}

/** Waits for finalizers that controllers take away. */
async function isGone(path: string): Promise<void> {
  const deadline = Date.now() + 60_000
  while ((await send('GET', path)).status !== 404) {
    assert.ok(Date.now() < deadline, `${path} is still there`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** The fields of `like` alone, and of the objects in it. */
function pick(value: unknown, like: unknown): unknown {
  if (typeof like !== 'object' || like === null || Array.isArray(like)) return value
  const object = value as Record<string, unknown> | undefined
  return Object.fromEntries(Object.entries(like).map(([key, inner]) => [key, pick(object?.[key], inner)]))
}
