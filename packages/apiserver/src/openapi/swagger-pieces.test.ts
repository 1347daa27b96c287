import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { builtInOpenApiKinds, type OpenApiKind, openApiV2 } from '@canopus/api'
import { type PiecedDocument, SwaggerPieces } from './swagger-pieces.ts'

const builtIn = builtInOpenApiKinds().filter(({ type }) => type.group === 'apps')

function custom(group: string, kind: string, description = ''): OpenApiKind {
  const [{ type }] = builtIn as [OpenApiKind]
  const plural = `${kind.toLowerCase()}s`
  return {
    type: { ...type, group, version: 'v1', kind, plural, listKind: `${kind}List`, subresources: {} },
    definition: { name: `com.example.v1.${kind}`, schema: { type: 'object', description } },
  } as unknown as OpenApiKind
}

const textOf = ({ body }: PiecedDocument): string => Buffer.concat(body).toString()

describe('the OpenAPI v2 document in pieces', () => {
  const turns = { count: 0 }
  const pieces = new SwaggerPieces(
    () => ({ version: 'v1.36.0' }),
    async () => {
      turns.count++
    },
  )
  const [a, b, other] = [
    custom('a.example.com', 'Anvil'),
    custom('a.example.com', 'Bell'),
    custom('b.example.com', 'Cog'),
  ]

  it('says what the whole one says', async () => {
    const kinds = [...builtIn, a, b, other]
    const document = JSON.parse(textOf(await pieces.document('json', kinds)))
    const whole = openApiV2(kinds, { version: 'v1.36.0' }) as Record<string, Record<string, unknown>>
    assert.deepEqual(Object.keys(document.paths).sort(), Object.keys(whole.paths!).sort())
    assert.deepEqual(document.paths, whole.paths)
    assert.deepEqual(Object.keys(document.definitions).sort(), Object.keys(whole.definitions!).sort())
    assert.deepEqual(document.definitions['com.example.v1.Anvil'], whole.definitions!['com.example.v1.Anvil'])
    assert.deepEqual(Object.keys(document).sort(), Object.keys(whole).sort())
    assert.deepEqual(document.parameters, whole.parameters)
  })

  it('writes anew only the group that has changed', async () => {
    for (const form of ['json', 'protobuf'] as const) {
      const before = await pieces.document(form, [...builtIn, a, b, other])
      const same = await pieces.document(form, [...builtIn, a, b, other])
      assert.equal(same.etag, before.etag)
      const changed = custom('b.example.com', 'Cog', 'a wheel')
      const after = await pieces.document(form, [...builtIn, a, b, changed])
      assert.notEqual(after.etag, before.etag)
      assert.ok(Buffer.concat(after.body).includes('a wheel'))
      const kept = after.body.filter(piece => before.body.includes(piece))
      // besides the group's own pieces what requests have in common is written each time
      assert.equal(kept.length, after.body.length - (form === 'json' ? 3 : 2))
    }
  })

  it('leaves built-in kinds their names', async () => {
    const name = 'io.k8s.api.apps.v1.Deployment'
    const kind = custom('v1.apps.api.k8s.io', 'Deployment', 'mine')
    const same = { ...kind, definition: { ...kind.definition!, name } }
    const text = textOf(await pieces.document('json', [...builtIn, same]))
    const names = [...text.matchAll(/"(io\.k8s\.api\.apps\.v1\.Deployment(?:_v2)?)":\{/g)].map(([, each]) => each)
    assert.deepEqual(names.sort(), [name, `${name}_v2`])
    const { definitions } = JSON.parse(text) as { definitions: Record<string, { description: string }> }
    assert.equal(definitions[`${name}_v2`]?.description, 'mine')
  })

  it('holds the documents of extension servers, which custom kinds leave alone', async () => {
    const flavors = {
      swagger: '2.0',
      paths: { '/apis/wardle/v1/flunders': {} },
      definitions: { Flunder: { type: 'object' } },
    }
    const fresh = new SwaggerPieces(
      () => ({ version: 'v1.36.0' }),
      async () => {},
    )
    const before = await fresh.document('json', [...builtIn, a], [flavors])
    const after = await fresh.document('json', [...builtIn, a, other], [flavors])
    const shared = before.body.filter(piece => Buffer.from(piece).includes('"parameters":{"'))
    assert.deepEqual(
      before.body.filter(piece => !after.body.includes(piece)),
      shared.filter(piece => !after.body.includes(piece)),
    )
    const { paths, definitions } = JSON.parse(textOf(after))
    const wanted = openApiV2([...builtIn, a, other], { version: 'v1.36.0' }) as Record<string, object>
    assert.deepEqual(paths, { ...wanted.paths, ...flavors.paths })
    assert.deepEqual(Object.keys(definitions).sort(), [...Object.keys(wanted.definitions!), 'Flunder'].sort())
    const without = await fresh.document('json', [...builtIn, a, other], [])
    assert.ok(!textOf(without).includes('Flunder'))
    const protobuf = await fresh.document('protobuf', [...builtIn, a, other], [flavors])
    assert.ok(textOf(protobuf).includes('Flunder') && textOf(protobuf).includes('com.example.v1.Cog'))
  })

  it('forgets groups that are gone', async () => {
    assert.ok(!textOf(await pieces.document('json', [...builtIn, a])).includes('Cog'))
  })

  it('lets others have their turn, between groups and within one', async () => {
    for (const form of ['json', 'protobuf'] as const) {
      const fresh = new SwaggerPieces(
        () => ({ version: 'v1.36.0' }),
        async () => {
          turns.count++
        },
      )
      const all = builtInOpenApiKinds()
      await fresh.document(form, all)
      turns.count = 0
      const many = Array.from({ length: 25 }, (_, n) => custom('many.example.com', `Kind${n}`))
      const few = Array.from({ length: 4 }, (_, n) => custom(`few${n}.example.com`, `Kind${n}`))
      const document = textOf(await fresh.document(form, [...all, ...many]))
      assert.equal(turns.count, 3)
      const paths = document.split('/apis/many.example.com/v1/kind24s').length - 1
      await fresh.document(form, [...all, ...many, ...few])
      assert.equal(turns.count, 7)
      const again = textOf(await fresh.document(form, [...all, ...many]))
      assert.equal(again, document)
      assert.ok(paths > 0)
      if (form === 'json') {
        const whole = openApiV2([...all, ...many], { version: 'v1.36.0' })
        const own = JSON.parse(document) as typeof whole
        assert.deepEqual(own.paths, whole.paths)
        assert.deepEqual(Object.keys(own.definitions as object).sort(), Object.keys(whole.definitions as object).sort())
      }
    }
  })

  it('is the same for built-in kinds as when it is written in one go', async () => {
    const all = builtInOpenApiKinds()
    const fresh = new SwaggerPieces(
      () => ({ version: 'v1.36.0' }),
      async () => {},
    )
    assert.deepEqual(JSON.parse(textOf(await fresh.document('json', all))), openApiV2(all, { version: 'v1.36.0' }))
  })
})
