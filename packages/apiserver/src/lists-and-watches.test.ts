import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { schemaOfKind } from '@canopus/api'
import { encodeProtobuf } from '@canopus/apimachinery'
import { SimulatedClock } from '@canopus/base'
import { parseFeatureGates } from './features/feature-gates.ts'
import { type Answer, type MemoryServer, startMemoryServer } from './testing/memory-server.ts'

let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
})
after(() => server.stop())

const base = (namespace: string): string => `/api/v1/namespaces/${namespace}/configmaps`
const map = (name: string, labels: Record<string, string> = {}): object => ({ metadata: { name, labels } })
const names = (list: { items: { metadata: { name: string } }[] }): string[] =>
  list.items.map(each => each.metadata.name)
async function fill(namespace: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await server.send('POST', base(namespace), map(`m${i}`, { parity: i % 2 === 0 ? 'even' : 'odd' }))
  }
}

/** Tokens (as base 64 or as the JSON in it) and what is said of them; version, revision and key are checked in this order. */
const brokenTokens: readonly [string, string][] = [
  ['xyz', 'invalid character .+ looking for beginning of value'],
  ['ab.c', 'illegal base64 data at input byte 2'],
  ['abcde', 'illegal base64 data at input byte 4'],
  ['{"v":"v9","rv":1,"start":"a"}', 'server does not recognize this encoded version v9'],
  ['{"rv":1,"start":"a"}', 'server does not recognize this encoded version '],
  ['{"v":"meta.k8s.io/v1","start":"a"}', 'incorrect encoded start resourceVersion \\(version meta.k8s.io/v1\\)'],
  ['{"v":"meta.k8s.io/v1","rv":1}', 'encoded start key empty \\(version meta.k8s.io/v1\\)'],
  ['{"v":"meta.k8s.io/v1","rv":1,"start":"../secrets"}', '../secrets'],
  ['{"v":"meta.k8s.io/v1","rv":1,"start":"a/../b"}', 'a/../b'],
  ['{"V":"meta.k8s.io/v1","RV":1,"Start":"a/../b"}', 'a/../b'],
  ['{"v":1}', 'json: cannot unmarshal number into Go struct field continueToken.v of type string'],
  ['{"v":"x","rv":1.5}', 'json: cannot unmarshal number 1.5 into Go struct field continueToken.rv of type int64'],
  ['W10', 'json: cannot unmarshal array into Go value of type storage.continueToken'],
  ['bnVsbA', 'server does not recognize this encoded version '],
]

/** `pretty=` is a bool as Go reads it; what is none is false. */
const PRETTY = { true: true, T: true, 1: true, TRUE: true, false: false, 0: false, yes: false, tRUE: false }

describe('list', () => {
  before(() => fill('lists', 10))

  const selections: readonly [string, string, string[]][] = [
    ['labels', 'labelSelector=parity=even', ['m0', 'm2', 'm4', 'm6', 'm8']],
    ['sets of labels', 'labelSelector=parity%20notin%20(even)', ['m1', 'm3', 'm5', 'm7', 'm9']],
    ['a name', 'fieldSelector=metadata.name=m3', ['m3']],
    ['not a name', 'fieldSelector=metadata.name!=m3&labelSelector=parity=odd', ['m1', 'm5', 'm7', 'm9']],
    ['nothing that is there', 'labelSelector=nobody', []],
  ]
  for (const [name, query, expected] of selections) {
    it(`selects by ${name}`, async () => {
      assert.deepEqual(names((await server.send('GET', `${base('lists')}?${query}`)).json), expected)
    })
  }

  // Labels that upstream knows for other kinds alone, and what it says then.
  for (const [path, field, message] of [
    [
      '/apis/apps/v1/replicasets',
      'status.replicas',
      '"status.replicas" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    ['/apis/batch/v1/jobs', 'metadata.uid', 'field label "metadata.uid" not supported for Job'],
    ['/api/v1/namespaces', 'name', 'field label not supported: name'],
    [
      '/apis/resource.k8s.io/v1/resourceslices',
      'metadata.uid',
      'field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: metadata.uid',
    ],
  ] as const) {
    it(`refuses ${field} for ${path}`, async () => {
      const { status, json } = await server.send('GET', `${path}?fieldSelector=${field}=x`)
      assert.equal(status, 400)
      assert.equal(json.message, message)
    })
  }

  for (const path of [
    '/api/v1/pods?fieldSelector=status.podIPs=',
    '/api/v1/replicationcontrollers?fieldSelector=status.replicas=0',
  ]) {
    it(`knows the field of ${path}`, async () => {
      assert.equal((await server.send('GET', path)).status, 200)
    })
  }

  for (const revision of ['', '&resourceVersion=0']) {
    it(`marks where the state ends for a watch with bookmarks from ${revision || 'no revision'}`, async () => {
      const watch = await server.watch(`/api/v1/nodes?watch=true&allowWatchBookmarks=true${revision}`)
      const { type, object } = await watch.next()
      assert.equal(type, 'BOOKMARK')
      const { resourceVersion, ...metadata } = object.metadata
      assert.match(resourceVersion, /^\d+$/)
      assert.deepEqual(metadata, { annotations: { 'k8s.io/initial-events-end': 'true' } })
      watch.end()
    })
  }

  const refused: readonly [string, string, number, RegExp][] = [
    [
      'unknown fields',
      'fieldSelector=data.x=1',
      400,
      /"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"/,
    ],
    ['bad label selectors', 'labelSelector=a%20b', 400, /./],
    ['bad versions', 'resourceVersion=abc', 400, /^invalid resource version: resourceVersion: Invalid value: "abc"/],
    [
      'a match without version',
      'resourceVersionMatch=Exact',
      422,
      /resourceVersionMatch is forbidden unless resourceVersion is provided/,
    ],
    ['bad limits', 'limit=x', 400, /^strconv.ParseInt: parsing "x": invalid syntax$/],
    [
      'large limits',
      'limit=9223372036854775808',
      400,
      /^strconv.ParseInt: parsing "9223372036854775808": value out of range$/,
    ],
    ['bad timeouts', 'timeoutSeconds=1s', 400, /^strconv.ParseInt: parsing "1s": invalid syntax$/],
    ['bad timeouts before bad limits', 'limit=x&timeoutSeconds=1s', 400, /parsing "1s"/],
    ['bad selectors before bad options', 'sendInitialEvents=true&labelSelector=a%20in', 400, /found '' expected: '\('/],
    ...brokenTokens.map(([token, message]): [string, string, number, RegExp] => [
      `the token ${token}`,
      `continue=${encodeURIComponent(token.startsWith('{') ? Buffer.from(token).toString('base64url') : token)}`,
      400,
      new RegExp(`^invalid continue token: continue key is not valid: ${message}$`),
    ]),
  ]
  for (const [name, query, code, message] of refused) {
    it(`refuses ${name}`, async () => {
      const { status, json } = await server.send('GET', `${base('lists')}?${query}`)
      assert.equal(status, code, json.message)
      assert.match(json.message, message)
    })
  }

  it('pages through one state, whatever is written meanwhile', async () => {
    const first = await server.send('GET', `${base('lists')}?limit=4`)
    assert.deepEqual(names(first.json), ['m0', 'm1', 'm2', 'm3'])
    assert.equal(first.json.metadata.remainingItemCount, 6)
    const selected = await server.send('GET', `${base('lists')}?limit=4&labelSelector=%21absent`)
    assert.deepEqual(names(selected.json), ['m0', 'm1', 'm2', 'm3'])
    assert.ok(selected.json.metadata.continue)
    assert.equal(selected.json.metadata.remainingItemCount, undefined)
    await server.send('POST', base('lists'), map('m45'))
    await server.send('DELETE', `${base('lists')}/m7`)
    const token = encodeURIComponent(first.json.metadata.continue)
    const second = await server.send('GET', `${base('lists')}?limit=4&continue=${token}`)
    assert.deepEqual(names(second.json), ['m4', 'm5', 'm6', 'm7'])
    assert.equal(second.json.metadata.resourceVersion, first.json.metadata.resourceVersion)
    assert.equal(second.json.metadata.remainingItemCount, 2)
    const last = await server.send(
      'GET',
      `${base('lists')}?limit=4&continue=${encodeURIComponent(second.json.metadata.continue)}`,
    )
    assert.deepEqual(names(last.json), ['m8', 'm9'])
    assert.equal(last.json.metadata.continue, undefined)
    assert.equal(last.json.metadata.remainingItemCount, undefined)
  })

  for (const path of ['/api/v1/nodes', '/api/v1/configmaps'])
    it(`pages of ${path} together are the whole`, async () => {
      for (let n = 0; n < 8 && path.endsWith('nodes'); n++)
        await server.send('POST', path, { metadata: { name: `paged-${n}` } })
      const uids = (json: { items: { metadata: { uid: string } }[] }): string[] =>
        json.items.map(({ metadata }) => metadata.uid)
      const whole = uids((await server.send('GET', path)).json)
      const paged: string[] = []
      let token = ''
      for (let page = 0; page <= whole.length / 7; page++) {
        const { json } = await server.send('GET', `${path}?limit=7&continue=${encodeURIComponent(token)}`)
        paged.push(...uids(json))
        token = json.metadata.continue ?? ''
        if (token === '') break
      }
      assert.ok(whole.length > 7)
      assert.deepEqual([paged, token], [whole, ''])
    })

  for (const match of ['', '&resourceVersionMatch=NotOlderThan'])
    it(`makes no pages of a state of any revision${match}`, async () => {
      const { json } = await server.send('GET', `${base('lists')}?limit=4&resourceVersion=0${match}`)
      assert.ok(json.items.length > 4)
      assert.equal(json.metadata.continue, undefined)
    })

  it('offers a token for the rest where history is gone', async () => {
    const first = await server.send('GET', `${base('lists')}?limit=4`)
    await server.send('POST', base('lists'), map('m99'))
    await server.store.compact(await server.store.revision())
    const token = encodeURIComponent(first.json.metadata.continue)
    const expired = await server.send('GET', `${base('lists')}?limit=4&continue=${token}`)
    assert.equal(expired.status, 410)
    assert.equal(expired.json.reason, 'Expired')
    const again = await server.send(
      'GET',
      `${base('lists')}?continue=${encodeURIComponent(expired.json.metadata.continue)}`,
    )
    assert.equal(again.status, 200)
    assert.equal(names(again.json)[0], 'm4')
  })

  it('shows a state of the past exactly, and refuses one that is gone or yet to come', async () => {
    const { json: before } = await server.send('GET', base('lists'))
    const revision = before.metadata.resourceVersion
    await server.send('DELETE', `${base('lists')}/m0`)
    const exact = `${base('lists')}?resourceVersion=${revision}&resourceVersionMatch=Exact`
    const { json: then } = await server.send('GET', exact)
    assert.equal(then.metadata.resourceVersion, revision)
    assert.ok(names(then).includes('m0'))
    const { json: newer } = await server.send('GET', `${base('lists')}?resourceVersion=${revision}`)
    assert.ok(!names(newer).includes('m0'))
    await server.store.compact(await server.store.revision())
    assert.equal((await server.send('GET', exact)).status, 410)
  })

  it('deletes a selection', async () => {
    await fill('gone', 4)
    const { status } = await server.send('DELETE', `${base('gone')}?labelSelector=parity=even`)
    assert.equal(status, 200)
    assert.deepEqual(names((await server.send('GET', base('gone'))).json), ['m1', 'm3'])
  })
})

describe('forms', () => {
  before(() => server.send('POST', base('forms'), map('one', { a: 'b' })))

  it('makes tables', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
    const { json, headers } = await server.send('GET', base('forms'), undefined, { accept })
    assert.equal(headers['content-type'], 'application/json')
    assert.equal(json.kind, 'Table')
    assert.deepEqual(
      json.columnDefinitions.map((each: { name: string }) => each.name),
      ['Name', 'Data', 'Age'],
    )
    assert.equal(json.rows[0].cells[0], 'one')
    assert.equal(json.rows[0].object.kind, 'PartialObjectMetadata')
    const whole = await server.send('GET', `${base('forms')}?includeObject=Object`, undefined, { accept })
    assert.equal(whole.json.rows[0].object.kind, 'ConfigMap')
    const wrong = await server.send('GET', `${base('forms')}?includeObject=All`, undefined, { accept })
    assert.equal(wrong.status, 400)
    assert.match(
      wrong.json.message,
      /^Unable to convert to Table as requested: includeObject: Invalid value: "All": must be /,
    )
    assert.equal((await server.send('GET', `${base('forms')}?includeObject=All`)).status, 200)
  })

  it('makes tables of flow schemas in the order in which they are tried', async () => {
    const path = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas'
    for (const [name, matchingPrecedence] of [
      ['a-last', 900],
      ['z-first', 200],
      ['b-same', 500],
      ['a-same', 500],
    ] as const) {
      const spec = { matchingPrecedence, priorityLevelConfiguration: { name: 'global-default' } }
      const { status, text } = await server.send('POST', path, { metadata: { name }, spec })
      assert.equal(status, 201, text)
    }
    const names = async (accept: string, of: (json: never) => string[]): Promise<string[]> =>
      of((await server.send('GET', path, undefined, { accept })).json as never).filter(name => /^[abz]-/.test(name))
    const rows = ({ rows }: { rows: { cells: string[] }[] }): string[] => rows.map(({ cells }) => cells[0]!)
    const items = ({ items }: { items: { metadata: { name: string } }[] }) => items.map(each => each.metadata.name)
    assert.deepEqual(await names('application/json;as=Table;v=v1;g=meta.k8s.io', rows), [
      'z-first',
      'a-same',
      'b-same',
      'a-last',
    ])
    assert.deepEqual(await names('application/json', items), ['a-last', 'a-same', 'b-same', 'z-first'])
  })

  it('gives metadata alone', async () => {
    const list = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
    const { json } = await server.send('GET', base('forms'), undefined, { accept: list })
    assert.equal(json.kind, 'PartialObjectMetadataList')
    assert.equal(json.items[0].kind, 'PartialObjectMetadata')
    const one = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
    const { json: object } = await server.send('GET', `${base('forms')}/one`, undefined, { accept: one })
    assert.deepEqual(Object.keys(object), ['kind', 'apiVersion', 'metadata'])
  })

  it('metadata alone is without annotations that stand for fields', async () => {
    const sets = '/apis/apps/v1/namespaces/forms/daemonsets'
    const labels = { a: 'b' }
    const containers = [{ name: 'c', image: 'i' }]
    const [generation, annotations] = ['deprecated.daemonset.template.generation', { x: 'y' }]
    const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } }
    const { json } = await server.send('POST', sets, { metadata: { name: 'd', annotations }, spec })
    assert.deepEqual(json.metadata.annotations, { ...annotations, [generation]: '1' })
    const as = async (form: string): Promise<Answer['json']> =>
      (await server.send('GET', `${sets}/d`, undefined, { accept: `application/json;as=${form};v=v1;g=meta.k8s.io` }))
        .json
    assert.deepEqual((await as('PartialObjectMetadata')).metadata.annotations, annotations)
    assert.deepEqual((await as('Table')).rows[0].object.metadata.annotations, annotations)
  })

  for (const [media, expected] of [
    ['application/json', /"items":\[\{"metadata":\{/],
    ['application/yaml', /\nitems:\n- metadata:\n/],
  ] as const)
    it(`items of lists do not say what they are, as typed lists have them: ${media}`, async () => {
      const { text } = await server.send('GET', base('forms'), undefined, { accept: media })
      assert.match(text, expected)
      assert.equal(text.match(/ConfigMap"?[,\n]/g), null)
    })

  it('writes YAML, indented JSON and protobuf', async () => {
    const yaml = await server.send('GET', `${base('forms')}/one`, undefined, { accept: 'application/yaml' })
    assert.match(yaml.text, /^apiVersion: v1\nkind: ConfigMap\nmetadata:\n/)
    for (const [value, indented] of Object.entries(PRETTY)) {
      const pretty = await server.send('GET', `${base('forms')}/one?pretty=${value}`)
      assert.equal(pretty.text.startsWith('{\n  "kind": "ConfigMap",\n'), indented, value)
    }
    const accept = 'application/vnd.kubernetes.protobuf,application/json'
    const protobuf = await server.send('GET', `${base('forms')}/one`, undefined, { accept })
    assert.equal(protobuf.headers['content-type'], 'application/vnd.kubernetes.protobuf')
    assert.equal(protobuf.text.slice(0, 4), 'k8s\0')
    const stored = await server.send('POST', base('forms2'), protobuf.bytes, {
      'content-type': 'application/vnd.kubernetes.protobuf',
    })
    assert.equal(stored.status, 400) // it carries a resourceVersion and another namespace
    const missing = await server.send('GET', `${base('forms')}/two`, undefined, { accept })
    assert.equal(missing.status, 404)
    assert.equal(missing.text.slice(0, 4), 'k8s\0')
  })

  it('breaks off where protobuf carries what should be JSON and is not, as upstream panics', async () => {
    const path = '/apis/apps/v1/namespaces/default/controllerrevisions'
    const type = { 'content-type': 'application/vnd.kubernetes.protobuf' }
    const revision = encodeProtobuf(schemaOfKind({ group: 'apps', version: 'v1', kind: 'ControllerRevision' })!, {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: 'one' },
      data: { a: 1 },
    })
    const broken = revision.slice()
    broken.set(Buffer.from('{"a":}}'), Buffer.from(revision).indexOf('{"a":1}'))
    await assert.rejects(server.send('POST', path, broken, type), { name: 'UnreadableRawError' })
    assert.equal((await server.send('POST', path, revision, type)).status, 201)
    await assert.rejects(server.send('PUT', `${path}/one`, broken, type), { name: 'UnreadableRawError' })
    assert.equal((await server.send('GET', '/version')).status, 200)
  })

  it('ends JSON with a newline, unless it is indented', async () => {
    const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }
    const paths: readonly [string, Record<string, string>?][] = [
      [`${base('forms')}/one`],
      [base('forms')],
      [`${base('forms')}/none`],
      [`${base('forms')}/one`, table],
      [base('forms'), table],
    ]
    for (const [path, headers] of paths) {
      const { text } = await server.send('GET', path, undefined, headers)
      assert.match(text, /^[^\n]*\}\n$/, path)
      const pretty = await server.send('GET', `${path}?pretty=1`, undefined, headers)
      assert.match(pretty.text, /\n\}$/, path)
    }
  })

  it('serves one stored kind in two versions', async () => {
    const core = '/api/v1/namespaces/forms/events'
    const modern = '/apis/events.k8s.io/v1/namespaces/forms/events'
    const event = {
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'forms' },
      message: 'm',
    }
    assert.equal((await server.send('POST', core, event)).status, 201)
    const { json } = await server.send('GET', `${modern}/e`)
    assert.equal(json.apiVersion, 'events.k8s.io/v1')
    assert.equal(json.note, 'm')
    assert.equal(json.regarding.name, 'p')
    const { json: list } = await server.send('GET', `${modern}?fieldSelector=regarding.name=p`)
    assert.equal(list.items[0].note, 'm')
  })
})

describe('watch', () => {
  const patch = (path: string, body: unknown): Promise<unknown> =>
    server.send('PATCH', path, body, { 'content-type': 'application/merge-patch+json' })

  it('delivers what happens after a version, in order', async () => {
    const { json } = await server.send('GET', base('w1'))
    await server.send('POST', base('w1'), map('early'))
    const watch = await server.watch(`${base('w1')}?watch=true&resourceVersion=${json.metadata.resourceVersion}`)
    await server.send('POST', base('w1'), map('late'))
    await patch(`${base('w1')}/late`, { data: { a: 'b' } })
    await server.send('DELETE', `${base('w1')}/late`)
    const seen: string[] = []
    let last = 0
    for (let i = 0; i < 4; i++) {
      const { type, object } = await watch.next()
      seen.push(`${type} ${object.metadata.name}`)
      assert.ok(Number(object.metadata.resourceVersion) > last)
      last = Number(object.metadata.resourceVersion)
    }
    assert.deepEqual(seen, ['ADDED early', 'ADDED late', 'MODIFIED late', 'DELETED late'])
    watch.end()
  })

  it('turns leaving a selection into DELETED and entering it into ADDED', async () => {
    await server.send('POST', base('w2'), map('x', { side: 'in' }))
    const watch = await server.watch(`${base('w2')}?watch=true&resourceVersion=0&labelSelector=side=in`)
    assert.equal((await watch.next()).type, 'ADDED')
    await patch(`${base('w2')}/x`, { metadata: { labels: { side: 'out' } } })
    const left = await watch.next()
    assert.equal(left.type, 'DELETED')
    assert.equal(left.object.metadata.labels.side, 'in')
    const { json } = await server.send('GET', `${base('w2')}/x`)
    assert.equal(left.object.metadata.resourceVersion, json.metadata.resourceVersion)
    await patch(`${base('w2')}/x`, { data: { unseen: 'yes' } })
    await patch(`${base('w2')}/x`, { metadata: { labels: { side: 'in' } } })
    assert.equal((await watch.next()).type, 'ADDED')
    watch.end()
  })

  it('sends the state and says where it ends (WatchList)', async () => {
    await fill('w3', 3)
    const watch = await server.watch(
      `${base('w3')}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    )
    for (const name of ['m0', 'm1', 'm2']) {
      const { type, object } = await watch.next()
      assert.deepEqual([type, object.metadata.name], ['ADDED', name])
    }
    const { type, object } = await watch.next()
    assert.equal(type, 'BOOKMARK')
    assert.equal(object.kind, 'ConfigMap')
    assert.deepEqual(object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
    const { json } = await server.send('GET', base('w3'))
    assert.equal(object.metadata.resourceVersion, json.metadata.resourceVersion)
    watch.end()
  })

  it('says it only to those who allow bookmarks', async () => {
    await fill('w9', 1)
    const watch = await server.watch(
      `${base('w9')}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`,
    )
    await server.send('POST', base('w9'), map('m1'))
    for (const name of ['m0', 'm1']) {
      const { type, object } = await watch.next()
      assert.deepEqual([type, object.metadata.name], ['ADDED', name])
    }
    watch.end()
  })

  const NOT_OLDER =
    'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'
  const refused: readonly [string, string][] = [
    ['sendInitialEvents=true', NOT_OLDER],
    [
      'sendInitialEvents=false&resourceVersionMatch=Exact',
      `[${NOT_OLDER}, resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"]`,
    ],
    [
      'resourceVersionMatch=NotOlderThan',
      'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    ],
    [
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&continue=x',
      'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided',
    ],
  ]
  for (const [query, message] of refused)
    it(`refuses WatchList without its conditions: ${query}`, async () => {
      const { status, json } = await server.send('GET', `${base('w3')}?watch=true&${query}`)
      assert.deepEqual([status, json.message], [422, `ListOptions.meta.k8s.io "" is invalid: ${message}`])
    })

  it('refuses WatchList where the feature is off', async () => {
    const off = await startMemoryServer({ featureGates: parseFeatureGates(['WatchList=false']) })
    const initial = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'
    const { status, json } = await off.send('GET', `${base('w3')}?${initial}`)
    await off.stop()
    assert.equal(status, 422)
    assert.match(json.message, /sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled$/)
  })

  it('watches one name only', async () => {
    const watch = await server.watch(`${base('w4')}?watch=true&fieldSelector=metadata.name=b`)
    await server.send('POST', base('w4'), map('a'))
    await server.send('POST', base('w4'), map('b'))
    assert.equal((await watch.next()).object.metadata.name, 'b')
    watch.end()
  })

  it('ends with an ERROR event where history is gone', async () => {
    const other = await startMemoryServer({ store: server.store })
    const watch = await other.watch(`${base('w1')}?watch=true&resourceVersion=1`)
    const { type, object } = await watch.next()
    assert.equal(type, 'ERROR')
    assert.equal(object.code, 410)
    assert.equal(object.reason, 'Expired')
    assert.match(object.message, /^too old resource version: 1 \(\d+\)$/)
    assert.equal(await watch.next(), undefined)
    await other.stop()
  })

  it('ends with an ERROR event where the revision of a streamed list does not come in time', async () => {
    const clock = new SimulatedClock()
    const other = await startMemoryServer({ clock })
    const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
    const asked = other.watch(`${base('w1')}?watch=true&resourceVersion=99999&${initial}`)
    await clock.advance(3_000)
    const watch = await asked
    const { type, object } = await watch.next()
    assert.equal(type, 'ERROR')
    assert.equal(object.code, 504)
    assert.match(object.message, /^Timeout: Too large resource version: 99999, current: \d+$/)
    assert.equal(object.details.causes[0].reason, 'ResourceVersionTooLarge')
    assert.equal(await watch.next(), undefined)
    await other.stop()
  })

  it('says nothing of what is older than a revision that is still to come', async () => {
    const { json: one } = await server.send('POST', base('w9'), map('a'))
    const now = Number(one.metadata!.resourceVersion)
    const watch = await server.watch(`${base('w9')}?watch=true&resourceVersion=${now + 2}&allowWatchBookmarks=true`)
    for (const name of ['b', 'c', 'd']) await server.send('POST', base('w9'), map(name))
    assert.equal((await watch.next()).object.metadata.name, 'd')
    await server.send('POST', base('w9'), map('e'))
    assert.equal((await watch.next()).object.metadata.name, 'e')
    watch.end()
  })

  it('ends in time where a revision never comes', async () => {
    const clock = new SimulatedClock()
    const other = await startMemoryServer({ clock })
    const watch = await other.watch(`${base('w1')}?watch=true&resourceVersion=99999&timeoutSeconds=5`)
    const ended = watch.next()
    await clock.advance(5_000)
    assert.equal(await ended, undefined)
    await other.stop()
  })

  it('begins with the state at revision 00', async () => {
    const watch = await server.watch(`${base('w9')}?watch=true&resourceVersion=00`)
    assert.equal((await watch.next()).type, 'ADDED')
    watch.end()
  })

  for (const [seconds, types] of [
    [2, ['BOOKMARK']],
    [3, ['BOOKMARK', 'BOOKMARK']],
  ] as const)
    it(`says where a watch of ${seconds} s has got to ${types.length - 1} times at its end`, async () => {
      const clock = new SimulatedClock()
      const other = await startMemoryServer({ clock })
      const asked = `watch=true&resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=${seconds}`
      const watch = await other.watch(`/api/v1/nodes?${asked}`)
      await clock.advance(seconds * 1000)
      for (const type of types) assert.equal((await watch.next()).type, type)
      assert.equal(await watch.next(), undefined)
      await other.stop()
    })

  it('frames protobuf events by length', async () => {
    const watch = await server.watch(`${base('w5')}?watch=true`, {
      accept: 'application/vnd.kubernetes.protobuf;stream=watch,application/json;stream=watch',
    })
    assert.match(String(watch.headers['content-type']), /application\/vnd.kubernetes.protobuf/)
    await server.send('POST', base('w5'), map('x'))
    await server.send('GET', `${base('w5')}/x`)
    const frame = Buffer.from(watch.bytes)
    assert.equal(frame.readUInt32BE(0), frame.length - 4)
    assert.ok(frame.includes('ADDED'))
    assert.ok(frame.includes('k8s\0'))
    watch.end()
  })

  it('makes tables of events', async () => {
    const watch = await server.watch('/api/v1/namespaces/w6/configmaps?watch=true', {
      accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
    })
    await server.send('POST', base('w6'), map('row'))
    const { object } = await watch.next()
    assert.equal(object.kind, 'Table')
    assert.equal(object.rows[0].cells[0], 'row')
    watch.end()
  })

  it('shows every watcher the same order', async () => {
    const watches = await Promise.all([1, 2, 3].map(() => server.watch(`${base('w7')}?watch=true`)))
    await Promise.all(Array.from({ length: 30 }, (_, i) => server.send('POST', base('w7'), map(`p${i}`))))
    const orders = await Promise.all(
      watches.map(async watch => {
        const order: string[] = []
        while (order.length < 30) order.push((await watch.next()).object.metadata.name)
        watch.end()
        return order.join()
      }),
    )
    assert.equal(new Set(orders).size, 1)
  })

  it('logged no error', () => assert.deepEqual(server.errors, []))
})
