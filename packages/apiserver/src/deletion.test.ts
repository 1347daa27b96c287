import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { DeleteOptions } from '@canopus/apimachinery'
import type { AdmissionPlugin } from './security.ts'
import { type Answer, type MemoryServer, startMemoryServer } from './testing/memory-server.ts'

let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
})
after(() => server.stop())

const CMS = '/api/v1/namespaces/default/configmaps'
const PODS = '/api/v1/namespaces/default/pods'
const merge = (path: string, body: unknown): Promise<Answer> =>
  server.send('PATCH', path, body, { 'content-type': 'application/merge-patch+json' })
const create = (name: string, metadata: object = {}): Promise<Answer> =>
  server.send('POST', CMS, { metadata: { name, ...metadata } })
const pod = (name: string, nodeName?: string): Promise<Answer> =>
  server.send('POST', PODS, { metadata: { name }, spec: { nodeName, containers: [{ name: 'c', image: 'i' }] } })

describe('deletion', () => {
  it('answers a Status with the uid for most kinds', async () => {
    const { json: object } = await create('plain')
    const { status, json } = await server.send('DELETE', `${CMS}/plain`)
    assert.equal(status, 200)
    assert.deepEqual(json, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'plain', kind: 'configmaps', uid: object.metadata.uid },
    })
    assert.equal((await server.send('DELETE', `${CMS}/plain`)).status, 404)
  })

  it('warns of a job without a word about its pods', async () => {
    const jobs = '/apis/batch/v1/namespaces/default/jobs'
    const rows: readonly [query: string, warned: boolean][] = [
      ['', true],
      ['?propagationPolicy=Background', false],
      ['?orphanDependents=false', false],
    ]
    for (const [query, warned] of rows) {
      const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } }
      await server.send('POST', jobs, { metadata: { name: 'work' }, spec: { template } })
      const { status, headers } = await server.send('DELETE', `${jobs}/work${query}`)
      assert.equal(status, 200)
      assert.equal(/child pods are preserved by default/.test(String(headers.warning)), warned, query)
      await merge(`${jobs}/work`, { metadata: { finalizers: null } })
    }
  })

  it('says of a name that is still taken why it is', async () => {
    await server.send('POST', CMS, { metadata: { name: 'going', finalizers: ['example.com/one'] } })
    const taken = await server.send('POST', CMS, { metadata: { name: 'going' } })
    assert.equal(taken.json.message, 'configmaps "going" already exists')
    await server.send('DELETE', `${CMS}/going`)
    const { json } = await server.send('POST', CMS, { metadata: { name: 'going' } })
    assert.equal(json.reason, 'AlreadyExists')
    assert.equal(json.message, 'object is being deleted: configmaps "going" already exists')
  })

  it('waits for finalizers, refuses new ones, goes with the last', async () => {
    await create('held', { finalizers: ['example.com/one', 'example.com/two'] })
    const { status, json: marked } = await server.send('DELETE', `${CMS}/held`)
    assert.equal(status, 200)
    assert.equal(marked.kind, 'ConfigMap')
    assert.equal(marked.metadata.deletionGracePeriodSeconds, 0)
    assert.match(marked.metadata.deletionTimestamp, /Z$/)
    const { json: again } = await server.send('DELETE', `${CMS}/held`)
    assert.equal(again.metadata.resourceVersion, marked.metadata.resourceVersion)
    const more = await merge(`${CMS}/held`, { metadata: { finalizers: ['example.com/one', 'example.com/three'] } })
    assert.equal(more.status, 422)
    assert.match(
      more.json.message,
      /metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers \[\]string\{"example.com\/three"\}/,
    )
    assert.equal((await merge(`${CMS}/held`, { metadata: { finalizers: ['example.com/one'] } })).status, 200)
    const last = await merge(`${CMS}/held`, { metadata: { finalizers: null } })
    assert.equal(last.status, 200)
    assert.equal((await server.send('GET', `${CMS}/held`)).status, 404)
  })

  const propagations: readonly [string, object, string[], number][] = [
    ['foreground', { propagationPolicy: 'Foreground' }, ['foregroundDeletion'], 200],
    ['orphan', { propagationPolicy: 'Orphan' }, ['orphan'], 200],
    ['orphan (the old way)', { orphanDependents: true }, ['orphan'], 200],
  ]
  for (const [name, options, finalizers, code] of propagations) {
    it(`marks for ${name} propagation`, async () => {
      const id = `p-${name.replace(/\W+/g, '-')}x`
      await create(id)
      const { status, json } = await server.send('DELETE', `${CMS}/${id}`, {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        ...options,
      })
      assert.equal(status, code)
      assert.deepEqual(json.metadata.finalizers, finalizers)
    })
  }

  it('takes options of the query, and of any group', async () => {
    await create('query')
    const { json } = await server.send('DELETE', `${CMS}/query?propagationPolicy=Foreground`)
    assert.deepEqual(json.metadata.finalizers, ['foregroundDeletion'])
    await create('meta')
    for (const apiVersion of ['meta.k8s.io/v1', 'v9', 'foo/v1']) {
      const body = { kind: 'DeleteOptions', apiVersion, dryRun: ['All'] }
      assert.equal((await server.send('DELETE', `${CMS}/meta`, body)).status, 200, apiVersion)
    }
    assert.equal((await server.send('GET', `${CMS}/meta`)).status, 200)
  })

  const refused: readonly [string, object, number, RegExp][] = [
    [
      'both ways at once',
      { orphanDependents: true, propagationPolicy: 'Orphan' },
      422,
      /orphanDependents and deletionPropagation cannot be both set/,
    ],
    ['unknown policies', { propagationPolicy: 'Sideways' }, 422, /propagationPolicy: Unsupported value: "Sideways"/],
    [
      'another uid',
      { preconditions: { uid: 'x' } },
      409,
      /fulfilled on ConfigMap "kept": the UID in the precondition \(x\) does not match the UID in record \(.{36}\)\. The object might have been deleted and then recreated/,
    ],
    [
      'another version',
      { preconditions: { resourceVersion: '1' } },
      409,
      /the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record \(\d+\)\. The object might have been modified/,
    ],
  ]
  for (const [name, options, code, message] of refused) {
    it(`refuses ${name}`, async () => {
      await create('kept')
      const { status, json } = await server.send('DELETE', `${CMS}/kept`, options)
      assert.equal(status, code, json.message)
      assert.match(json.message, message)
    })
  }
})

describe('graceful deletion of pods', () => {
  it('removes pods without a node at once', async () => {
    await pod('unbound')
    const { status, json } = await server.send('DELETE', `${PODS}/unbound`)
    assert.equal(status, 200)
    assert.equal(json.kind, 'Pod')
    assert.equal((await server.send('GET', `${PODS}/unbound`)).status, 404)
  })

  it('waits for the kubelet, which confirms with grace 0; the period may only shrink', async () => {
    const { json: created } = await pod('bound', 'n1')
    const { json: marked } = await server.send('DELETE', `${PODS}/bound`)
    assert.equal(marked.metadata.deletionGracePeriodSeconds, 30)
    assert.equal(marked.metadata.generation, created.metadata.generation + 1)
    const { json: longer } = await server.send('DELETE', `${PODS}/bound`, { gracePeriodSeconds: 60 })
    assert.equal(longer.metadata.deletionGracePeriodSeconds, 30)
    const { json: shorter } = await server.send('DELETE', `${PODS}/bound`, { gracePeriodSeconds: 5 })
    assert.equal(shorter.metadata.deletionGracePeriodSeconds, 5)
    const seconds = Date.parse(marked.metadata.deletionTimestamp) - Date.parse(shorter.metadata.deletionTimestamp)
    assert.equal(seconds, 25_000)
    const confirm = { gracePeriodSeconds: 0, preconditions: { uid: created.metadata.uid } }
    assert.equal((await server.send('DELETE', `${PODS}/bound`, confirm)).status, 200)
    assert.equal((await server.send('GET', `${PODS}/bound`)).status, 404)
  })
})

describe('what watchers see of pods that go', () => {
  const confirm = { gracePeriodSeconds: 0 }
  const ended = { status: { phase: 'Succeeded' } }
  type Step = [verb: string, query: string, body?: unknown]
  const rows: readonly [name: string, node: string | undefined, steps: Step[], events: string[]][] = [
    ['never scheduled', undefined, [['DELETE', '']], ['MODIFIED 0 2', 'DELETED 0 2']],
    ['by force', 'n', [['DELETE', '', confirm]], ['MODIFIED 0 2', 'DELETED 0 2']],
    ['by the query', 'n', [['DELETE', '?gracePeriodSeconds=0']], ['MODIFIED 0 2', 'DELETED 0 2']],
    [
      'ended',
      'n',
      [
        ['PATCH', '/status', ended],
        ['DELETE', ''],
      ],
      ['MODIFIED - 1', 'MODIFIED 0 2', 'DELETED 0 2'],
    ],
    [
      'gracefully',
      'n',
      [
        ['DELETE', ''],
        ['DELETE', ''],
        ['DELETE', '', confirm],
      ],
      ['MODIFIED 30 2', 'MODIFIED 0 2', 'DELETED 0 2'],
    ],
    [
      'sooner',
      'n',
      [
        ['DELETE', ''],
        ['DELETE', '', { gracePeriodSeconds: 7 }],
        ['DELETE', '', confirm],
      ],
      ['MODIFIED 30 2', 'MODIFIED 7 2', 'MODIFIED 0 2', 'DELETED 0 2'],
    ],
    [
      'in the foreground',
      undefined,
      [
        ['DELETE', '', { propagationPolicy: 'Foreground' }],
        ['PATCH', '', { metadata: { finalizers: null } }],
      ],
      ['MODIFIED 0 2 foregroundDeletion', 'DELETED 0 2 foregroundDeletion'],
    ],
    ['as one of a collection', undefined, [['COLLECTION', '']], ['MODIFIED 0 2', 'DELETED 0 2']],
    ['not, when it was a dry run', undefined, [['DELETE', '?dryRun=All']], []],
  ]
  for (const [name, node, steps, expected] of rows) {
    it(name, async () => {
      const id = `seen-${name.replace(/\W+/g, '-')}`
      const { json } = await pod(id, node)
      const watch = await server.watch(
        `${PODS}?watch=1&fieldSelector=metadata.name%3D${id}&resourceVersion=${json.metadata.resourceVersion}`,
      )
      for (const [verb, where, body] of steps) {
        const path = verb === 'COLLECTION' ? `${PODS}?fieldSelector=metadata.name%3D${id}` : `${PODS}/${id}${where}`
        const headers: Record<string, string> =
          verb === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {}
        assert.equal((await server.send(verb === 'COLLECTION' ? 'DELETE' : verb, path, body, headers)).status, 200)
      }
      await merge(`${PODS}/${id}`, { metadata: { labels: { after: 'all' } } })
      const seen: string[] = []
      while (seen.length < expected.length) {
        const { type, object } = await watch.next()
        const { deletionGracePeriodSeconds = '-', generation, finalizers = [] } = object.metadata
        seen.push([type, deletionGracePeriodSeconds, generation, ...finalizers].join(' '))
      }
      assert.deepEqual(seen, expected)
      const gone = expected.at(-1)?.startsWith('DELETED') === true
      assert.equal((await server.send('GET', `${PODS}/${id}`)).status, gone ? 404 : 200)
      watch.end()
    })
  }

  it('nothing, where the uid is another', async () => {
    const { json } = await pod('meant', 'n')
    const options = { gracePeriodSeconds: 0, preconditions: { uid: 'another' } }
    assert.equal((await server.send('DELETE', `${PODS}/meant`, options)).status, 409)
    const right = { uid: json.metadata.uid, resourceVersion: json.metadata.resourceVersion }
    const { json: last } = await server.send('DELETE', `${PODS}/meant`, { ...options, preconditions: right })
    assert.equal(last.metadata.deletionGracePeriodSeconds, 0)
    assert.equal(Number(last.metadata.resourceVersion), Number(json.metadata.resourceVersion) + 2)
  })
})

it('admission hears of a pod that goes before it is marked and after, with the period that it has', async () => {
  const heard: unknown[] = []
  const admission: AdmissionPlugin = {
    name: 'Listener',
    operations: ['DELETE'],
    validate({ oldObject, options }) {
      const { gracePeriodSeconds } = options as DeleteOptions
      heard.push([gracePeriodSeconds, oldObject?.metadata.deletionGracePeriodSeconds])
    },
  }
  const own = await startMemoryServer({ admission: [admission] })
  const made = { metadata: { name: 'p' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] } }
  await own.send('POST', PODS, made)
  await own.send('DELETE', `${PODS}/p`)
  await own.send('DELETE', `${PODS}/p`)
  await own.send('DELETE', `${PODS}/p`, { gracePeriodSeconds: 0 })
  await own.send('POST', PODS, made)
  await own.send('DELETE', PODS)
  assert.deepEqual(heard, [
    [30, undefined],
    [0, 30],
    [0, 0],
    [undefined, undefined],
  ])
  await own.stop()
})

it('tells what was deleted of kinds whose deletions do so upstream, and else that it was done', async () => {
  const rows: readonly [path: string, body: object, kind: string][] = [
    ['/apis/resource.k8s.io/v1/deviceclasses', { metadata: { name: 'd' }, spec: {} }, 'DeviceClass'],
    [
      '/apis/storage.k8s.io/v1/volumeattributesclasses',
      { metadata: { name: 'd' }, driverName: 'a.b', parameters: { a: 'b' } },
      'VolumeAttributesClass',
    ],
    ['/api/v1/namespaces/default/configmaps', { metadata: { name: 'd' } }, 'Status'],
  ]
  for (const [path, body, kind] of rows) {
    assert.equal((await server.send('POST', path, body)).status, 201)
    assert.equal((await server.send('DELETE', `${path}/d`)).json.kind, kind)
  }
})

describe('DELETE of a collection', () => {
  const path = '/api/v1/namespaces/collected/configmaps'
  const left = async (): Promise<string> => {
    const { json } = await server.send('GET', path)
    return json.items.map((each: { metadata: { name: string } }) => each.metadata.name).join('')
  }
  const rows: readonly [string, number, string, string][] = [
    ['?labelSelector=kind%3Dodd', 200, 'ac', 'bd'],
    ['?labelSelector=kind+in+(odd,even)&fieldSelector=metadata.name%3Da', 200, 'a', 'bcd'],
    ['?labelSelector=!kind', 200, 'd', 'abc'],
    ['?fieldSelector=metadata.name%21%3Db', 200, 'acd', 'b'],
    ['?fieldSelector=metadata.namespace%3Dother', 200, '', 'abcd'],
    ['?limit=2', 200, 'ab', 'cd'],
    ['?dryRun=All', 200, 'abcd', 'abcd'],
    ['?resourceVersion=1', 200, 'abcd', ''],
    ['?fieldSelector=data%3D1', 400, '', 'abcd'],
    ['?labelSelector=a+b', 400, '', 'abcd'],
    ['?continue=nothing', 400, '', 'abcd'],
    ['?gracePeriodSeconds=x', 400, '', 'abcd'],
    ['', 200, 'abcd', ''],
  ]
  for (const [query, code, gone, kept] of rows) {
    it(`${query === '' ? 'of all' : query}: ${code}, ${gone || 'none'} gone`, async () => {
      const labels = { a: { kind: 'odd' }, b: { kind: 'even' }, c: { kind: 'odd' }, d: {} }
      for (const [name, own] of Object.entries(labels)) {
        await server.send('POST', path, { metadata: { name, labels: own }, immutable: false })
      }
      const { status, json } = await server.send('DELETE', `${path}${query}`)
      assert.equal(status, code, json.message)
      if (code === 200) {
        assert.equal(json.kind, 'ConfigMapList')
        assert.equal(json.items.map((each: { metadata: { name: string } }) => each.metadata.name).join(''), gone)
      }
      assert.equal(await left(), kept)
    })
  }

  it('deletes one after the other', async () => {
    await server.send('DELETE', path)
    for (const name of ['a', 'b', 'c', 'd']) await server.send('POST', path, { metadata: { name } })
    const { json: list } = await server.send('GET', path)
    const watch = await server.watch(`${path}?watch=true&resourceVersion=${list.metadata.resourceVersion}`)
    await server.send('DELETE', path)
    const events = [await watch.next(), await watch.next(), await watch.next(), await watch.next()]
    watch.end()
    assert.equal(
      events.map(({ type, object }) => `${type} ${object.metadata.name}`).join(),
      'DELETED a,DELETED b,DELETED c,DELETED d',
    )
  })

  it('holds every object against the preconditions', async () => {
    await server.send('POST', path, { metadata: { name: 'one' } })
    const options = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'another' } }
    const { status, json } = await server.send('DELETE', path, options)
    assert.equal(status, 409)
    assert.match(json.message, /the UID in the precondition \(another\) does not match the UID in record/)
  })

  it('marks what has finalizers, and tells what was there', async () => {
    await server.send('DELETE', path)
    await server.send('POST', path, { metadata: { name: 'held', finalizers: ['example.com/mine'] } })
    await server.send('POST', path, { metadata: { name: 'free' } })
    const { json } = await server.send('DELETE', path)
    assert.deepEqual(
      json.items.map((each: { metadata: { name: string; deletionTimestamp?: string } }) => [
        each.metadata.name,
        each.metadata.deletionTimestamp !== undefined,
      ]),
      [
        ['free', false],
        ['held', false],
      ],
    )
    assert.equal(await left(), 'held')
    const { json: held } = await server.send('GET', `${path}/held`)
    assert.equal(held.metadata.deletionGracePeriodSeconds, 0)
  })
})

describe('namespaces', () => {
  it('are marked, emptied by somebody, finalized, gone', async () => {
    await server.send('POST', '/api/v1/namespaces', { metadata: { name: 'n' } })
    const { json: marked } = await server.send('DELETE', '/api/v1/namespaces/n')
    assert.equal(marked.kind, 'Namespace')
    assert.equal(marked.status.phase, 'Terminating')
    assert.deepEqual(marked.spec.finalizers, ['kubernetes'])
    const again = await server.send('DELETE', '/api/v1/namespaces/n')
    assert.equal(again.status, 200)
    assert.deepEqual(again.json, marked)
    const plain = await server.send('PUT', '/api/v1/namespaces/n', { ...marked, spec: { finalizers: [] } })
    assert.deepEqual(plain.json.spec.finalizers, ['kubernetes'])
    const { json: current } = await server.send('GET', '/api/v1/namespaces/n')
    const finalized = await server.send('PUT', '/api/v1/namespaces/n/finalize', {
      ...current,
      spec: { finalizers: [] },
    })
    assert.equal(finalized.status, 200)
    assert.equal((await server.send('GET', '/api/v1/namespaces/n')).status, 404)
  })

  it('logged no error', () => assert.deepEqual(server.errors, []))
})
