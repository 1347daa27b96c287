import assert from 'node:assert/strict'
import { it } from 'node:test'
import { forbidden } from '@canopus/apimachinery'
import { startMemoryServer } from '../testing/memory-server.ts'

it('what a plugin has to say of fields is told together with what is wrong with them', async () => {
  let asked = 0
  const fieldErrors = async () => {
    asked++
    return [forbidden('data', 'not yours')]
  }
  const plugin = {
    name: 'Fields',
    operations: ['UPDATE'] as const,
    resources: ['/configmaps'],
    fieldErrors,
    validate() {},
  }
  const { send, stop } = await startMemoryServer({ admission: [plugin] })
  const all = '/api/v1/namespaces/default/configmaps'
  const map = { metadata: { name: 'c' } }
  await send('POST', all, map)
  const good = await send('PUT', `${all}/c`, { ...map, data: { a: '1' } })
  const bad = await send('PUT', `${all}/c`, { ...map, data: { 'a/b': '1' } })
  await stop()
  assert.deepEqual([good.status, bad.status, asked], [200, 422, 1])
  const causes = bad.json.details.causes as { field: string }[]
  assert.deepEqual(
    causes.map(({ field }) => field),
    ['data', 'data[a/b]'],
  )
})
