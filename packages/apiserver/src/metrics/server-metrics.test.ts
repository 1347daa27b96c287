import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

let memory: MemoryServer
let text: string
const APPLY = { 'content-type': 'application/apply-patch+yaml' }

before(async () => {
  memory = await startMemoryServer()
  const maps = '/api/v1/namespaces/default/configmaps'
  const watch = await memory.watch(`${maps}?watch=true`)
  const name = (each: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: each } })
  await memory.send('POST', maps, name('a'))
  await memory.send('POST', `${maps}?dryRun=All`, name('b'))
  await memory.send('PATCH', `${maps}/c?fieldManager=me`, name('c'), APPLY)
  await watch.next()
  await memory.send('GET', maps)
  await memory.send('GET', '/api/v1/configmaps')
  await memory.send('GET', `${maps}/none`)
  await memory.send('DELETE', `${maps}/a`)
  await memory.send('GET', '/livez')
  await memory.send('GET', '/api/v1/namespaces/default/endpoints')
  text = (await memory.send('GET', '/metrics')).text
  watch.end()
})
after(() => memory.stop())

/** A sample by its name and labels, without those that are the same for all requests for config maps. */
const sample = (verb: string, scope: string, code: number, dryRun = ''): string =>
  `apiserver_request_total{code="${code}",component="apiserver",dry_run="${dryRun}",group="",resource="configmaps",scope="${scope}",subresource="",verb="${verb}",version="v1"} 1`

describe('figures of the API server', () => {
  const lines: readonly string[] = [
    sample('POST', 'resource', 201),
    sample('POST', 'resource', 201, 'All'),
    sample('APPLY', 'resource', 201),
    sample('LIST', 'namespace', 200),
    sample('LIST', 'cluster', 200),
    sample('GET', 'resource', 404),
    sample('DELETE', 'resource', 200),
    'apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="",scope="",subresource="/livez",verb="GET",version=""} 1',
    'apiserver_longrunning_requests{component="apiserver",group="",resource="configmaps",scope="namespace",subresource="",verb="WATCH",version="v1"} 1',
    'apiserver_resource_objects{group="",resource="configmaps"} 1',
    'apiserver_storage_objects{resource="deployments.apps"} 0',
    'apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1',
    'etcd_requests_total{group="",operation="create",resource="configmaps"} 2',
    'apiserver_response_sizes_count{component="apiserver",group="",resource="configmaps",scope="namespace",subresource="",verb="LIST",version="v1"} 1',
  ]
  for (const line of lines) it(line, () => assert.ok(text.includes(`\n${line}\n`)))

  it('events of watches', () =>
    assert.match(text, /apiserver_watch_events_total\{.*resource="configmaps",version="v1"\} [1-3]\n/))
  it('the process', () => assert.match(text, /\nprocess_resident_memory_bytes \d(\.\d+)?e\+0[789]\n/))
  it('the build', () => assert.match(text, /\nkubernetes_build_info\{.*major="1",minor="36",.*\} 1\n/))
  it('only families that have samples, in Prometheus form', () => {
    for (const line of text.trimEnd().split('\n')) {
      assert.match(line, /^(# (HELP|TYPE) [a-z_:]+ .+|[a-z_:]+(\{.*\})? (\+Inf|[\d.e+-]+))$/)
    }
  })
})

it('DELETE resets what was counted', async () => {
  const server = await startMemoryServer()
  after(() => server.stop())
  const figures = async (): Promise<string> => (await server.send('GET', '/metrics')).text
  const version = /\napiserver_request_total\{[^}]*subresource="\/livez"[^}]*\} 1\n/
  await server.send('GET', '/livez')
  assert.match(await figures(), version)
  const { status, text: answer } = await server.send('DELETE', '/metrics')
  assert.deepEqual([status, answer], [200, 'metrics reset\n'])
  assert.doesNotMatch(await figures(), version)
  await server.send('GET', '/livez')
  assert.match(await figures(), version)
})
