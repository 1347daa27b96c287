import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { AdmissionAttributes } from '../security.ts'
import { startMemoryServer } from '../testing/memory-server.ts'

it('admission knows the verb that was authorized', async () => {
  const seen: (string | undefined)[] = []
  const operations = ['CREATE', 'UPDATE'] as const
  const resources = ['/configmaps']
  const admission = [
    { name: 'Seen', operations, resources, validate: ({ verb }: AdmissionAttributes) => void seen.push(verb) },
  ]
  const { send, stop } = await startMemoryServer({ admission })
  const all = '/api/v1/namespaces/default/configmaps'
  const map = { metadata: { name: 'c' } }
  await send('POST', all, map)
  await send('PUT', `${all}/c`, { ...map, data: { a: '1' } })
  await send('PATCH', `${all}/c`, { data: { a: '2' } }, { 'content-type': 'application/merge-patch+json' })
  await stop()
  assert.deepEqual(seen, ['create', 'update', 'patch'])
})
