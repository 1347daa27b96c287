import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const CMS = '/api/v1/namespaces/default/configmaps'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const owner = (uid: string, name = 'a') => ({ apiVersion: 'v1', kind: 'ConfigMap', name, uid })
const [a, b] = [owner('u1'), owner('u2', 'b')]
const text = (when: string, uids: string): string =>
  `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${uids}`

const cases: readonly [string, object[], object[], string | undefined][] = [
  ['none twice', [a, b], [a, b], undefined],
  ['one twice', [a, b, a], [a, b], 'u1'],
  ['two more than once', [b, a, b, a, b], [b, a], 'u2, u1, u2'],
  ['one owner by two names', [a, { ...a, name: 'other' }], [a, { ...a, name: 'other' }], undefined],
]

describe('owner references that come twice', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
  })
  after(() => server.stop())

  for (const [name, given, kept, uids] of cases)
    it(name, async () => {
      const body = { metadata: { name: name.replaceAll(' ', '-'), ownerReferences: given } }
      const created = await server.send('POST', CMS, body)
      const path = `${CMS}/${body.metadata.name}`
      const updated = await server.send('PUT', path, {
        ...created.json,
        metadata: { ...created.json.metadata, ...body.metadata },
      })
      const patch = { metadata: { ownerReferences: given } }
      const patched = await server.send('PATCH', path, patch, MERGE)
      for (const [answer, when] of [
        [created, ''],
        [updated, ''],
        [patched, ' after mutating admission happens'],
      ] as const) {
        assert.deepEqual(answer.json.metadata?.ownerReferences, kept, answer.text)
        const warning = uids === undefined ? undefined : [`299 - "${text(when, uids)}"`]
        assert.deepEqual(answer.headers.warning, warning)
      }
    })
})
