/** Compares the generated v3 documents with those that upstream publishes, of every group version that is served. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { testData } from '../testing/test-data.ts'
import { builtInOpenApiKinds, openApiV3, openApiV3Path, openApiV3RootPaths } from './index.ts'

type Json = Readonly<Record<string, unknown>>
interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Json>>
  readonly components: { readonly schemas?: Readonly<Record<string, Json>>; readonly securitySchemes: Json }
}

const folder = testData('openapi/v3')

/**
 * The value as it is compared: without descriptions and CBOR, parameters sorted. `enum`, which the published documents leave
 * out, and `required`, which is a set, as in the test of v2.
 */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  const result: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value).sort(byText)) {
    if (key === 'description' && typeof each === 'string') continue
    if (key === 'enum' || key.includes('cbor')) continue
    const sorted = (key === 'required' || key === 'parameters') && Array.isArray(each)
    result[key] = sorted ? each.map(comparable).toSorted(byText) : comparable(each)
  }
  // A reference stands in `allOf` where a description stands beside it: there is none here.
  const { allOf, ...rest } = result
  return Array.isArray(allOf) && allOf.length === 1 && Object.keys(rest).length === 0 ? allOf[0] : result
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

/** The operations of a path: what they share, and each says of its parameters, is in one list. */
function operationsOf({ parameters: shared = [], ...operations }: Json): unknown {
  const all = Object.entries(operations as Record<string, Json>).map(([method, { parameters: own = [], ...rest }]) => [
    method,
    { ...rest, parameters: [...(shared as Json[]), ...(own as Json[])] },
  ])
  return comparable(Object.fromEntries(all))
}

describe("OpenAPI v3 and upstream's", { skip: folder === undefined && 'skipped: openapi/v3 is not there' }, () => {
  const kinds = builtInOpenApiKinds()
  const paths = new Set([...kinds.map(({ type }) => openApiV3Path(type)), ...openApiV3RootPaths(kinds)])
  for (const path of paths) {
    it(`of ${path}`, () => {
      const file = `${folder}/${path.replaceAll('/', '__')}_openapi.json`
      assert.ok(existsSync(file), file)
      const theirs = JSON.parse(readFileSync(file, 'utf8')) as Document
      const ours = JSON.parse(JSON.stringify(openApiV3(path))) as Document
      assert.equal(ours.openapi, theirs.openapi)
      assert.deepEqual(Object.keys(ours.paths).sort(), Object.keys(theirs.paths).sort())
      for (const [name, item] of Object.entries(ours.paths)) {
        assert.deepEqual(operationsOf(item), operationsOf(theirs.paths[name]!), name)
      }
      const { schemas } = ours.components
      assert.deepEqual(Object.keys(schemas ?? {}).sort(), Object.keys(theirs.components.schemas ?? {}).sort())
      for (const [name, schema] of Object.entries(schemas ?? {})) {
        assert.deepEqual(comparable(schema), comparable(theirs.components.schemas?.[name]), name)
      }
      assert.deepEqual(ours.components.securitySchemes, theirs.components.securitySchemes)
      assert.deepEqual(Object.keys(ours).sort(), Object.keys(theirs).sort())
    })
  }
})
