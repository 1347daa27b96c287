/** Compares the generated v2 document with upstream's published one, restricted to what is served here. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { testData } from '../testing/test-data.ts'
import { builtInOpenApiKinds, openApiV2 } from './index.ts'
import { SharedParameters } from './shared-parameters.ts'

type Json = Readonly<Record<string, unknown>>
interface Document {
  paths: Record<string, Record<string, Json>>
  definitions: Record<string, Json>
  parameters: Record<string, Json>
}

const file = testData('openapi/swagger-1.36.json')
const SKIP = 'skipped: openapi/swagger-1.36.json is not there'
const read = (): Document => JSON.parse(readFileSync(file!, 'utf8')) as Document
const generated = (): Document => JSON.parse(JSON.stringify(openApiV2(builtInOpenApiKinds()))) as Document

/**
 * Differences that are meant, besides descriptions: upstream publishes the document without enums, with CBOR, and with groups and
 * option kinds of alpha and beta versions. Shared parameters have other names by their descriptions.
 */
const UNSERVED_GROUPS = ['/apis/internal.apiserver.k8s.io/', '/apis/storagemigration.k8s.io/']
const EVERY_GROUP = /\.meta\.v1\.(DeleteOptions|WatchEvent)$/

/** The value without what is not compared; `required` is a set. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  const result: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value)) {
    if (key === 'description' && typeof each === 'string') continue
    if (key === 'enum') continue
    result[key] = key === 'required' && Array.isArray(each) ? each.toSorted() : comparable(each)
  }
  return result
}

test('definitions equal those that upstream publishes', context => {
  if (file === undefined) return context.skip(SKIP)
  const ours = generated().definitions
  const theirs = read().definitions
  for (const [name, definition] of Object.entries(ours)) {
    assert.ok(theirs[name], `${name} is not published`)
    const [a, b] = [comparable(definition), comparable(theirs[name])] as [
      Record<string, unknown>,
      Record<string, unknown>,
    ]
    if (EVERY_GROUP.test(name)) for (const each of [a, b]) delete each['x-kubernetes-group-version-kind']
    assert.deepEqual(a, b, name)
  }
  assert.ok(Object.keys(ours).length > 580)
})

function parametersOf(document: Document, ...lists: unknown[]): string[] {
  return lists
    .flatMap(list => (list ?? []) as Json[])
    .map(each => (typeof each.$ref === 'string' ? document.parameters[each.$ref.split('/').at(-1)!]! : each))
    .map(each => [each.in, each.name, each.type, each.required ?? false, JSON.stringify(each.schema)].join(' '))
    .sort()
}

/** An operation as it is compared: all its parameters in one sorted list, no CBOR. */
function operationOf(document: Document, item: Record<string, Json>, method: string): unknown {
  const operation = item[method]
  if (operation === undefined) return undefined
  const types = (list: unknown): unknown => (list as string[] | undefined)?.filter(each => !each.includes('cbor'))
  return {
    ...operation,
    consumes: types(operation.consumes),
    produces: types(operation.produces),
    parameters: parametersOf(document, item.parameters, operation.parameters),
  }
}

test('parameters are shared under the names that upstream gives to them', context => {
  if (file === undefined) return context.skip(SKIP)
  const theirs = read()
  const order = ['uniqueItems', 'type', 'description', 'name', 'in', 'required', 'schema']
  for (const [name, parameter] of Object.entries(theirs.parameters)) {
    const entries = order.flatMap(key => (key in parameter ? [[key, parameter[key]] as const] : []))
    assert.deepEqual(new SharedParameters().write(Object.fromEntries(entries)), { $ref: `#/parameters/${name}` })
  }
  const operations = Object.values(theirs.paths).flatMap(item => [item, ...Object.values(item)])
  for (const parameter of operations.flatMap(({ parameters }) => (parameters ?? []) as Json[]))
    if (!('$ref' in parameter)) assert.equal(new SharedParameters().write(parameter), parameter)
  const ours = new Set(Object.values(generated().parameters).map(({ name }) => name))
  // the path below /logs/, which no document of ours speaks of
  const wanted = Object.values(theirs.parameters).flatMap(({ name }) => (name === 'logpath' ? [] : [name]))
  assert.deepEqual(ours, new Set(wanted))
})

test('paths and operations equal those that upstream publishes', context => {
  if (file === undefined) return context.skip(SKIP)
  const ours = generated()
  const theirs = read()
  const roots = builtInOpenApiKinds().map(({ type }) =>
    type.group === '' ? `/api/${type.version}/` : `/apis/${type.group}/${type.version}/`,
  )
  const served = (path: string): boolean =>
    roots.some(root => path.startsWith(root)) || /^\/apis?\/(?:[^/]+\/)?$/.test(path)
  const expected = Object.keys(theirs.paths).filter(path => served(path) && !UNSERVED_GROUPS.includes(path))
  assert.deepEqual(Object.keys(ours.paths).sort(), expected.sort())
  let operations = 0
  for (const path of expected) {
    const [a, b] = [ours.paths[path]!, theirs.paths[path]!]
    assert.deepEqual(Object.keys(a).filter(isMethod).sort(), Object.keys(b).filter(isMethod).sort(), path)
    for (const method of Object.keys(b).filter(isMethod)) {
      assert.deepEqual(operationOf(ours, a, method), operationOf(theirs, b, method), `${method} ${path}`)
      operations++
    }
  }
  assert.ok(operations > 800)
})

const isMethod = (key: string): boolean => key !== 'parameters'
