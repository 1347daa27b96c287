/** What requests leave in the figures of caches, bodies, filters, allocators and logs, as the same requests do upstream. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

describe('figures of traffic', () => {
  let server: MemoryServer
  let figures: string
  const MAPS = '/api/v1/namespaces/a/configmaps'
  before(async () => {
    server = await startMemoryServer()
    await server.send('POST', '/api/v1/namespaces', { metadata: { name: 'a' } })
    for (const name of ['one', 'two']) await server.send('POST', MAPS, { metadata: { name } })
    await server.send('GET', MAPS)
    await server.send('GET', `${MAPS}?limit=1`)
    const ports = [{ port: 80 }]
    const service = { metadata: { name: 's' }, spec: { type: 'NodePort', ports } }
    await server.send('POST', '/api/v1/namespaces/a/services', service)
    await server.send('DELETE', `${MAPS}/two`, { propagationPolicy: 'Background' })
    figures = (await server.send('GET', '/metrics')).text
  })
  after(() => server.stop())

  const lines = [
    'apiserver_cache_list_total{group="",index="",resource="configmaps"} 2',
    'apiserver_cache_list_fetched_objects_total{group="",index="",resource="configmaps"} 4',
    'apiserver_cache_list_returned_objects_total{group="",resource="configmaps"} 3',
    'apiserver_watch_cache_consistent_read_total{fallback="false",group="",resource="configmaps",success="true"} 2',
    'apiserver_watch_cache_read_wait_seconds_count{group="",resource="configmaps"} 2',
    'apiserver_watch_cache_initializations_total{group="",resource="configmaps"} 1',
    'apiserver_storage_list_total{group="",resource="configmaps"} 1',
    'apiserver_request_body_size_bytes_count{group="",resource="configmaps",verb="create"} 2',
    'apiserver_request_body_size_bytes_count{group="",resource="configmaps",verb="delete"} 1',
    'apiserver_request_filter_duration_seconds_count{filter="authentication"} 8',
    'field_validation_request_duration_seconds_count{field_validation=""} 0',
    'kube_apiserver_clusterip_allocator_allocated_ips{cidr="10.96.0.0/16"} 1',
    'kube_apiserver_clusterip_allocator_allocation_total{cidr="10.96.0.0/16",scope="dynamic"} 1',
    'kube_apiserver_nodeport_allocator_allocated_ports 1',
    'kube_apiserver_nodeport_allocator_available_ports 2767',
    'kube_apiserver_nodeport_allocator_allocation_total{scope="dynamic"} 1',
    'apiserver_audit_event_total 0',
    'apiserver_storage_data_key_generation_failures_total 0',
    'kube_apiserver_pod_logs_backend_tls_failure_total 0',
  ]
  for (const line of lines) it(line, () => assert.ok(figures.split('\n').includes(line)))
})
