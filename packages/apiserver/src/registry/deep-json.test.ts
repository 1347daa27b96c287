/** Bodies that nest deeply: Go's line is at 10,000, and what is kept may be 1,000 deep on the stack that Node has by default. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type MemoryServer, startMemoryServer } from '../testing/memory-server.ts'

const nested = (depth: number, end = '1'): string => `${'{"a":'.repeat(depth)}${end}${'}'.repeat(depth)}`
const MAPS = '/api/v1/namespaces/default/configmaps'
const THINGS = '/apis/deep.io/v1/things'
const OPEN = {
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

describe('bodies that nest deeply', () => {
  let server: MemoryServer
  before(async () => {
    server = await startMemoryServer()
    await server.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', OPEN)
    while ((await server.send('GET', '/apis/deep.io/v1')).status !== 200) await setImmediate()
  })
  after(() => server.stop())

  let made = 0
  async function create(path: string, fields: string, query = ''): Promise<{ status: number; message: string }> {
    const [apiVersion, kind] = path === THINGS ? ['deep.io/v1', 'Thing'] : ['v1', 'ConfigMap']
    const text = `{"apiVersion":"${apiVersion}","kind":"${kind}","metadata":{"name":"deep-${made++}"},${fields}}`
    const { status, json } = await server.send('POST', path + query, Buffer.from(text), {
      'content-type': 'application/json',
    })
    return { status, message: json.message ?? '' }
  }

  // The object itself is one level, and the field's own value the first of `depth`.
  for (const [what, end] of [
    ['', '1'],
    [' around a fraction', '1.5'],
  ] as const) {
    it(`in fields that nobody knows are let through up to 10,000 levels${what}`, async () => {
      const deep = `"odd":${nested(9998, end)}`
      assert.equal((await create(MAPS, deep, '?fieldValidation=Ignore')).status, 201)
      assert.equal((await create(MAPS, deep, '?fieldValidation=Warn')).status, 201)
      const strict = await create(MAPS, deep, '?fieldValidation=Strict')
      assert.equal(strict.status, 400)
      assert.match(strict.message, /strict decoding error: unknown field "odd"$/)
    })
  }

  it('beyond that are refused', async () => {
    for (const depth of [10_000, 20_000]) {
      const { status, message } = await create(MAPS, `"odd":${nested(depth)}`, '?fieldValidation=Ignore')
      assert.equal(status, 400)
      assert.match(message, /json parse error: invalid character '\{' exceeded max depth/)
    }
  })

  it('in fields that are kept are let through up to 1,000 levels', async () => {
    assert.equal((await create(THINGS, `"open":${nested(900)}`)).status, 201)
    for (const depth of [1001, 5000, 9998]) {
      const { status, message } = await create(THINGS, `"open":${nested(depth)}`)
      assert.equal(status, 400)
      assert.match(message, /exceeded max depth/)
    }
  })

  const limit = execFileSync('sh', ['-c', 'ulimit -s']).toString().trim()
  const skip = limit !== 'unlimited' && Number(limit) < 8192 && `a stack of ${limit} KiB is too small`
  it('in fields that are kept are let through up to 10,000 levels on a stack for them', { skip }, () => {
    const program = fileURLToPath(new URL('../testing/deep-bodies.ts', import.meta.url))
    const args = ['--disable-warning=ExperimentalWarning', '--stack-size=7000', program]
    assert.deepEqual(execFileSync(process.execPath, args, { timeout: 60_000 }).toString().trim().split('\n'), [
      'POST application/json: 201, 9990',
      'PATCH application/merge-patch+json: 200, 9990',
      'PATCH application/json-patch+json: 200, 9990',
      'PATCH application/apply-patch+yaml: 200, 9990',
      'GET application/json: 200, 9990',
      'GET application/json: 200, 9990',
      'DELETE application/json: 200, 0',
    ])
  })

  it('in patches are refused as well', async () => {
    await server.send('POST', THINGS, { apiVersion: 'deep.io/v1', kind: 'Thing', metadata: { name: 'patched' } })
    const bodies: [string, string][] = [
      ['application/merge-patch+json', `{"open":${nested(5000)}}`],
      ['application/json-patch+json', `[{"op":"add","path":"/open","value":${nested(5000)}}]`],
      [
        'application/apply-patch+yaml',
        `{"apiVersion":"deep.io/v1","kind":"Thing","metadata":{"name":"patched"},"open":${nested(5000)}}`,
      ],
    ]
    for (const [type, body] of bodies) {
      const path = `${THINGS}/patched?fieldManager=tester`
      const { status, json } = await server.send('PATCH', path, Buffer.from(body), { 'content-type': type })
      assert.equal(status, 400, type)
      assert.match(json.message, /exceeded max depth/)
    }
  })

  it('in YAML are let through up to 1,000 levels', async () => {
    for (const [depth, status] of [
      [990, 201],
      [1001, 400],
      [9000, 400],
    ] as const) {
      const odd = `${'{a: '.repeat(depth)}1${'}'.repeat(depth)}`
      const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml-${depth}}\nodd: ${odd}`
      const answer = await server.send('POST', MAPS, Buffer.from(text), { 'content-type': 'application/yaml' })
      assert.equal(answer.status, status, answer.text)
    }
  })
})
