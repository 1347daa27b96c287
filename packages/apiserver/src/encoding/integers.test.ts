import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const PODS = '/api/v1/namespaces/default/pods'
const BIG = '9007199254740993'
const body = (name: string): string =>
  `{"metadata":{"name":"${name}"},"spec":{"activeDeadlineSeconds":7,"containers":[{"name":"c","image":"i"}],` +
  `"securityContext":{"runAsUser":1},"tolerations":[{"key":"k","operator":"Exists","effect":"NoExecute","tolerationSeconds":${BIG}}]}}`
const seconds = (text: string): string | undefined => /"?tolerationSeconds"?: ?(\d+)/.exec(text)?.[1]
const PROTOBUF = 'application/vnd.kubernetes.protobuf'

describe('integers beyond 2^53 survive', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
  })
  after(() => server.stop())

  it('as JSON, pretty JSON, YAML and protobuf', async () => {
    assert.equal((await server.send('POST', PODS, body('json'))).status, 201)
    const text = async (accept: string, query = ''): Promise<string> =>
      (await server.send('GET', `${PODS}/json${query}`, undefined, { accept })).text
    assert.equal(seconds(await text('application/json')), BIG)
    assert.equal(seconds(await text('application/json', '?pretty=true')), BIG)
    assert.equal(seconds(await text('application/yaml')), BIG)
    const { bytes } = await server.send('GET', `${PODS}/json`, undefined, { accept: PROTOBUF })
    const put = await server.send('PUT', `${PODS}/json`, bytes, { 'content-type': PROTOBUF })
    assert.equal(put.status, 200, put.text)
    assert.equal(seconds(put.text), BIG)
  })

  it('in bodies of YAML', async () => {
    const yaml = `metadata:
  name: yaml
spec:
  containers: [{name: c, image: i}]
  tolerations: [{key: k, operator: Exists, effect: NoExecute, tolerationSeconds: ${BIG}}]
`
    const created = await server.send('POST', PODS, yaml, { 'content-type': 'application/yaml' })
    assert.equal(created.status, 201, created.text)
    assert.equal(seconds(created.text), BIG)
  })

  it('patches that do not touch them, and patches that set them', async () => {
    await server.send('POST', PODS, body('patched'))
    for (const type of ['merge-patch', 'strategic-merge-patch']) {
      const content = { 'content-type': `application/${type}+json` }
      const labelled = await server.send('PATCH', `${PODS}/patched`, { metadata: { labels: { type } } }, content)
      assert.equal(labelled.status, 200, labelled.text)
      assert.equal(seconds(labelled.text), BIG)
    }
    const content = { 'content-type': 'application/json-patch+json' }
    const other = '{"key":"o","operator":"Exists","effect":"NoExecute","tolerationSeconds":9007199254740995}'
    const patch = `[{"op":"add","path":"/spec/tolerations/0","value":${other}}]`
    const added = await server.send('PATCH', `${PODS}/patched`, patch, content)
    assert.equal(added.status, 200, added.text)
    assert.match(added.text, /"tolerationSeconds":9007199254740995/)
    assert.match(added.text, new RegExp(`"tolerationSeconds":${BIG}`))
  })

  it('logged no error', () => assert.deepEqual(server.errors, []))
})
