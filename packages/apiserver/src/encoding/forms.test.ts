import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const CMS = '/api/v1/namespaces/default/configmaps'
const ONE = `${CMS}/one`
const ADDRESSES = '/apis/networking.k8s.io/v1/ipaddresses'
const SCALE = '/apis/apps/v1/namespaces/default/deployments/one/scale'
const as = (kind: string, version: string, media = 'application/json'): string =>
  `${media};as=${kind};g=meta.k8s.io;v=${version}`
const ACCEPTED =
  'only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf'
const STREAMS =
  'only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch'
const INCLUDE = `Unable to convert to Table as requested: includeObject: Invalid value: "All": must be 'Metadata', 'Object', 'None', or empty`

/** Path, Accept; kind and version of the answer, or code and message. */
const cases: readonly [string, string, string | number, string][] = [
  [ONE, as('Table', 'v1'), 'Table', 'meta.k8s.io/v1'],
  [ONE, as('Table', 'v1beta1'), 'Table', 'meta.k8s.io/v1beta1'],
  [ONE, as('PartialObjectMetadata', 'v1beta1'), 'PartialObjectMetadata', 'meta.k8s.io/v1beta1'],
  [CMS, as('PartialObjectMetadataList', 'v1beta1'), 'PartialObjectMetadataList', 'meta.k8s.io/v1beta1'],
  [ONE, as('PartialObjectMetadata', 'v1alpha1'), 406, ACCEPTED],
  [
    ONE,
    as('PartialObjectMetadataList', 'v1'),
    406,
    'you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)',
  ],
  [
    CMS,
    as('PartialObjectMetadata', 'v1'),
    406,
    'you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)',
  ],
  [ONE, as('Service', 'v1'), 406, ACCEPTED],
  [ONE, 'application/json;g=meta.k8s.io;v=v1', 406, ACCEPTED],
  [ONE, as('Table', 'v1', 'application/vnd.kubernetes.protobuf'), 406, ACCEPTED],
  [`${ONE}?includeObject=`, as('Table', 'v1'), 'Table', 'meta.k8s.io/v1'],
  [`${ONE}?includeObject=All`, as('Table', 'v1'), 400, INCLUDE],
  [`${ONE}?includeObject=All`, 'application/json', 'ConfigMap', 'v1'],
  [`${CMS}?watch=true`, 'application/yaml', 406, STREAMS],
  [`${CMS}?watch=true`, as('Table', 'v1', 'application/yaml'), 406, STREAMS],
  [SCALE, 'application/json', 'Scale', 'autoscaling/v1'],
  [SCALE, as('Table', 'v1'), 'Table', 'meta.k8s.io/v1'],
  [SCALE, as('PartialObjectMetadata', 'v1'), 'PartialObjectMetadata', 'meta.k8s.io/v1'],
  [`${ONE}?export=false`, 'application/json', 'ConfigMap', 'v1'],
  [
    `${ONE}?export=true`,
    'application/json',
    400,
    'the export parameter, deprecated since v1.14, is no longer supported',
  ],
]

describe('forms of answers', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
    await server.send('POST', CMS, { metadata: { name: 'one' } })
    const labels = { app: 'one' }
    const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } }
    await server.send('POST', '/apis/apps/v1/namespaces/default/deployments', {
      metadata: { name: 'one' },
      spec: { replicas: 3, selector: { matchLabels: labels }, template },
    })
  })
  after(() => server.stop())

  for (const [path, accept, expected, detail] of cases)
    it(`${path.slice(path.lastIndexOf('/'))} as ${accept}`, async () => {
      const answer = await server.send('GET', path, undefined, { accept })
      if (typeof expected === 'number') {
        assert.equal(answer.status, expected)
        assert.ok(
          // Long lines of YAML are folded.
          answer.text.includes(JSON.stringify(detail).slice(1, -1)) ||
            answer.text.replace(/\n +/g, ' ').includes(detail),
          answer.text,
        )
        return
      }
      const { json } = answer
      assert.deepEqual([json.kind, json.apiVersion], [expected, detail])
    })

  it('shows a scale as kubectl prints it', async () => {
    const { json } = await server.send('GET', SCALE, undefined, { accept: as('Table', 'v1') })
    const names = json.columnDefinitions.map((each: { name: string }) => each.name)
    assert.deepEqual(names, ['Name', 'Desired', 'Available', 'Age'])
    assert.deepEqual(json.rows[0].cells.slice(0, 3), ['one', 3, 0])
  })

  it('has no items in a list of metadata without objects', async () => {
    const accept = as('PartialObjectMetadataList', 'v1')
    const { json } = await server.send('GET', `${CMS}?labelSelector=none`, undefined, { accept })
    assert.equal(json.items, null)
  })

  // Path, query, User-Agent; whether for people.
  for (const [path, query, agent, pretty] of [
    [ONE, '', 'kubectl/v1.36', false],
    [ONE, '', 'curl/8', true],
    [ONE, 'pretty=false', 'curl/8', false],
    [ONE, 'pretty=1', 'kubectl/v1.36', true],
    [CMS, 'pretty=true', 'kubectl/v1.36', true],
    [`${CMS}/none`, '', 'kubectl/v1.36', false],
    [`${CMS}/none`, 'pretty=true', 'kubectl/v1.36', true],
    ['/apis/apps', 'pretty=0', 'Mozilla/5.0', false],
    ['/apis/apps', 'pretty=true', 'kubectl/v1.36', true],
  ] as const) {
    it(`ends ${path}?${query} for ${agent} ${pretty ? 'without' : 'with'} a line break`, async () => {
      const { text } = await server.send('GET', `${path}?${query}`, undefined, { 'user-agent': agent })
      assert.match(text, pretty ? /^\{\n {2}"[\s\S]*\n\}$/ : /^\{"[^\n]*\}\n$/)
    })
  }

  for (const path of [`${CMS}?watch=true&resourceVersion=0`, `${CMS}?watch=true&resourceVersion=0&pretty=true`])
    it(`says the columns of a table in the first event alone: ${path}`, async () => {
      const watches = await Promise.all([1, 2].map(() => server.watch(path, { accept: as('Table', 'v1') })))
      for (const watch of watches) while ((await watch.next()).object.rows[0].cells[0] !== 'one');
      await server.send('PATCH', ONE, { data: { a: 'b' } }, { 'content-type': 'application/merge-patch+json' })
      for (const watch of watches) {
        const { type, object } = await watch.next()
        assert.deepEqual([type, object.columnDefinitions], ['MODIFIED', null])
        watch.end()
      }
      const { json } = await server.send('GET', ONE, undefined, { accept: as('Table', 'v1') })
      const watch = await server.watch(`${CMS}?watch=true&resourceVersion=${json.metadata.resourceVersion}`, {
        accept: as('Table', 'v1'),
      })
      for (const [data, columns] of [
        ['c', json.columnDefinitions],
        ['d', null],
      ]) {
        await server.send('PATCH', ONE, { data: { a: data } }, { 'content-type': 'application/merge-patch+json' })
        const { object } = await watch.next()
        assert.deepEqual(object.columnDefinitions, columns)
      }
      watch.end()
    })

  it('watches in the old version too', async () => {
    const accept = as('PartialObjectMetadata', 'v1beta1')
    const watch = await server.watch(`${CMS}?watch=true&resourceVersion=0`, { accept })
    const { object } = await watch.next()
    assert.deepEqual([object.kind, object.apiVersion], ['PartialObjectMetadata', 'meta.k8s.io/v1beta1'])
    watch.end()
  })

  it('has a cell more than columns for addresses, as upstream has', async () => {
    const parentRef = { resource: 'services', namespace: 'default', name: 's' }
    await server.send('POST', ADDRESSES, { metadata: { name: '10.96.0.77' }, spec: { parentRef } })
    const { json } = await server.send('GET', `${ADDRESSES}/10.96.0.77`, undefined, { accept: as('Table', 'v1') })
    const { columnDefinitions, rows } = json as unknown as { columnDefinitions: unknown[]; rows: { cells: string[] }[] }
    assert.equal(columnDefinitions.length, 2)
    assert.deepEqual(rows[0]?.cells.slice(0, 2), ['10.96.0.77', 'services/default/s'])
    assert.match(rows[0]?.cells[2] ?? '', /^\d+s$/)
  })

  it('ends a watch of lists of metadata where the first event would come', async () => {
    const accept = as('PartialObjectMetadataList', 'v1')
    const { status, text } = await server.send('GET', `${CMS}?watch=true&timeoutSeconds=30`, undefined, { accept })
    assert.deepEqual([status, text], [200, ''])
    const old = await server.send('GET', `${CMS}?watch=true&resourceVersion=x&timeoutSeconds=1`, undefined, { accept })
    assert.match(old.text, /invalid syntax/)
  })

  for (const [accept, code] of [
    ['application/json;stream=watch', 200],
    ['application/json;stream=foo', 406],
    ['application/yaml;stream=watch', 406],
    ['application/json;q=0', 200],
    ['', 200],
  ] as const) {
    it(`answers ${code} to '${accept}'`, async () => {
      assert.equal((await server.send('GET', `${ONE}?pretty=1`, undefined, { accept })).status, code)
    })
  }

  it('asks what a route makes before it looks at a subresource or review', async () => {
    const accept = 'text/html'
    const review = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
    const answers = [
      await server.send('GET', SCALE, undefined, { accept }),
      await server.send('POST', review, { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } }, { accept }),
    ]
    for (const { text } of answers) assert.match(text, /406: Not Acceptable/)
  })

  it('reads no media type whose parameter has no value', async () => {
    const answer = await server.send(
      'POST',
      CMS,
      { metadata: { name: 'two' } },
      { 'content-type': 'application/json;foo' },
    )
    assert.equal(answer.status, 415)
  })

  for (const query of ['limit=', 'timeoutSeconds=', 'watch=1&timeoutSeconds=']) {
    it(`refuses ${query}`, async () => {
      const { status, text } = await server.send('GET', `${CMS}?${query}`)
      assert.equal(status, 400)
      assert.match(text, /strconv.ParseInt: parsing \\"\\": invalid syntax/)
    })
  }

  it('reads revisions of 64 bits', async () => {
    const one = await server.send('GET', `${CMS}?resourceVersion=18446744073709551616`)
    assert.match(one.text, /value out of range/)
  })

  it('says that there is nothing to patch before it reads the patch, but reads a name that is none first', async () => {
    const patched = await server.send('PATCH', `${CMS}/none`, '{', { 'content-type': 'application/merge-patch+json' })
    assert.equal(patched.status, 404)
    const put = await server.send('PUT', `${CMS}/none`, { metadata: { name: 'other' } })
    assert.match(put.text, /the name of the object \(other\) does not match the name on the URL \(none\)/)
  })

  it('has tokens that speak of what is listed, and reads those of before', async () => {
    for (const name of ['t1', 't2', 't3']) await server.send('POST', CMS, { metadata: { name, labels: { page: 't' } } })
    const first = await server.send('GET', `${CMS}?limit=1&labelSelector=page`)
    const token = JSON.parse(Buffer.from(first.json.metadata.continue, 'base64url').toString())
    assert.equal(token.start, '/t1\0')
    const old = Buffer.from(JSON.stringify({ ...token, start: 'default/t1\0' })).toString('base64url')
    for (const each of [first.json.metadata.continue, old]) {
      const { json } = await server.send('GET', `${CMS}?labelSelector=page&continue=${each}`)
      assert.deepEqual(
        json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
        ['t2', 't3'],
      )
    }
    const all = await server.send('GET', '/api/v1/configmaps?limit=1&labelSelector=page')
    assert.equal(JSON.parse(Buffer.from(all.json.metadata.continue, 'base64url').toString()).start, '/default/t1\0')
  })

  it('says that rows have no object where none is wanted', async () => {
    const { json } = await server.send('GET', `${ONE}?includeObject=None`, undefined, { accept: as('Table', 'v1') })
    assert.equal(json.rows[0].object, null)
  })
})
