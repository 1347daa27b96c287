/** Bodies of 9,990 levels, sent to a server that was started with a stack for them; prints what was answered to each. */
import { setImmediate } from 'node:timers/promises'
import { startMemoryServer } from './memory-server.ts'

const THINGS = '/apis/deep.io/v1/things'
const LEVELS = 9_990
const nested = `${'{"a":'.repeat(LEVELS)}1${'}'.repeat(LEVELS)}`
const patched = (open: string): string =>
  `{"apiVersion":"deep.io/v1","kind":"Thing","metadata":{"name":"deep"},"open":${open}}`

const server = await startMemoryServer()
const DEFINITION = {
  metadata: { name: 'things.deep.io' },
  spec: {
    group: 'deep.io',
    names: { plural: 'things', kind: 'Thing' },
    scope: 'Cluster',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}
await server.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', DEFINITION)
while ((await server.send('GET', '/apis/deep.io/v1')).status !== 200) await setImmediate()

const REQUESTS: readonly [string, string, string, string?][] = [
  ['POST', THINGS, 'application/json', patched(nested)],
  ['PATCH', `${THINGS}/deep`, 'application/merge-patch+json', `{"open":${nested.replace('1', '2')}}`],
  ['PATCH', `${THINGS}/deep`, 'application/json-patch+json', `[{"op":"add","path":"/open","value":${nested}}]`],
  ['PATCH', `${THINGS}/deep?fieldManager=me&force=true`, 'application/apply-patch+yaml', patched(nested)],
  ['GET', `${THINGS}/deep`, 'application/json'],
  ['GET', THINGS, 'application/json'],
  ['DELETE', `${THINGS}/deep`, 'application/json'],
]
for (const [method, path, type, body] of REQUESTS) {
  const { status, text } = await server.send(method, path, body === undefined ? undefined : Buffer.from(body), {
    'content-type': type,
  })
  const levels = text.split('{"a":').length - 1
  console.log(`${method} ${type}: ${status}, ${status < 300 ? levels : text.slice(0, 300)}`)
}
await server.stop()
