import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ConfigMaps } from '@canopus/api'
import { startMemoryServer } from '../testing/memory-server.ts'

it('listeners hear of what mentions their text, now or before', async () => {
  const server = await startMemoryServer()
  const path = '/api/v1/namespaces/d/configmaps'
  const send = (method: string, name: string, data: Record<string, string>) =>
    server.send(method, method === 'POST' ? path : `${path}/${name}`, { metadata: { name }, data })
  await send('POST', 'early', { colour: 'blue' })
  await send('POST', 'silent', {})
  const seen: string[] = []
  const stop = server.server.objects.onChange(
    ConfigMaps,
    ({ type, object }) => seen.push(`${type} ${object.metadata.name}`),
    { mentioning: '"colour":' },
  )
  await send('POST', 'late', { colour: 'red' })
  await send('PUT', 'late', {})
  await send('PUT', 'late', { shape: 'round' })
  await send('PUT', 'silent', { colour: 'grey' })
  await server.send('DELETE', `${path}/silent`)
  await server.send('DELETE', `${path}/late`)
  assert.deepEqual(seen, ['added early', 'added late', 'updated late', 'updated silent', 'deleted silent'])
  stop()
  await server.stop()
})
