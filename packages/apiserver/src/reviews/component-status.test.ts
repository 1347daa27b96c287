import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { createClusterPki, systemClock } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { startMemoryServer } from '../testing/memory-server.ts'

const PATH = '/api/v1/componentstatuses'
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }

describe('component statuses', () => {
  it('are listed, selected and shown as a table', async () => {
    const server = await startMemoryServer()
    const { json, headers } = await server.send('GET', PATH)
    const { json: table } = await server.send('GET', PATH, undefined, TABLE)
    const { json: one } = await server.send('GET', `${PATH}/etcd-0`)
    const { json: none } = await server.send('GET', `${PATH}?fieldSelector=metadata.name%3Dother`)
    const { status, json: missing } = await server.send('GET', `${PATH}/other`)
    await server.stop()
    assert.equal(json.kind, 'ComponentStatusList')
    assert.deepEqual(json.items[0].conditions, [{ type: 'Healthy', status: 'True', message: 'ok' }])
    assert.match(String(headers.warning), /v1 ComponentStatus is deprecated in v1.19\+/)
    assert.deepEqual(
      table.columnDefinitions.map((column: { name: string }) => column.name),
      ['Name', 'Status', 'Message', 'Error'],
    )
    assert.deepEqual(table.rows[0].cells, ['etcd-0', 'Healthy', 'ok', ''])
    assert.deepEqual([one.kind, one.metadata.name], ['ComponentStatus', 'etcd-0'])
    assert.deepEqual(none.items, [])
    assert.equal(status, 404)
    assert.equal(missing.message, 'componentstatus "other" not found')
  })

  it('are asked for where the server was told of them', async () => {
    const { apiserver } = await createClusterPki({ clusterName: 'test', clock: systemClock })
    const { key, certificate: cert } = apiserver
    let code = 200
    const component = createServer({ key, cert }, (_, response) => response.writeHead(code).end('ok'))
    await once(component.listen(0, '127.0.0.1'), 'listening')
    const { port } = component.address() as AddressInfo
    const scheduler = `https://127.0.0.1:${port}/healthz`
    const server = await startMemoryServer({ components: { scheduler } })
    const condition = async (): Promise<object> =>
      (await server.send('GET', `${PATH}/scheduler`)).json.conditions[0] as object
    const well = await condition()
    code = 500
    const unwell = await condition()
    await new Promise(resolve => component.close(resolve))
    const gone = await condition()
    const { json } = await server.send('GET', PATH)
    await server.stop()
    assert.deepEqual(well, { type: 'Healthy', status: 'True', message: 'ok' })
    assert.deepEqual(unwell, { type: 'Healthy', status: 'False', message: 'HTTP probe failed with statuscode: 500' })
    const refused = `Get "${scheduler}": dial tcp 127.0.0.1:${port}: connect: connection refused`
    assert.deepEqual(gone, { type: 'Healthy', status: 'False', message: refused })
    assert.deepEqual(
      json.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name),
      ['scheduler', 'etcd-0'],
    )
  })

  it('say what is wrong', async () => {
    const inner = createMemoryStore({ clock: systemClock })
    let down = false
    const store = new Proxy(inner, {
      get(target, name) {
        if (name === 'revision' && down) return () => Promise.reject(new Error('no leader'))
        const value = Reflect.get(target, name) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const server = await startMemoryServer({ store })
    down = true
    const { json } = await server.send('GET', PATH, undefined, TABLE)
    down = false
    await server.stop()
    assert.deepEqual(json.rows[0].cells, ['etcd-0', 'Unhealthy', '', 'no leader'])
  })
})
