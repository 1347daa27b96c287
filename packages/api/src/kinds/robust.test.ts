import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { deepFreeze, fieldErrorText, type KubeObject } from '@canopus/apimachinery'
import type { Kind } from '../kind.ts'
import { testData } from '../testing/test-data.ts'
import { builtInKinds } from './index.ts'

const context = { now: '2026-01-01T00:00:00Z', user: { name: 'someone' } }

/** Runs everything that a request may call. */
function exercise(kind: Kind, given: KubeObject): void {
  const { strategy } = kind
  const object = structuredClone(given)
  strategy.default?.(object)
  strategy.prepareForCreate?.(object, context)
  for (const error of strategy.validate?.(object) ?? []) assert.equal(typeof fieldErrorText(error), 'string')
  const changed = structuredClone(given)
  strategy.default?.(changed)
  strategy.prepareForUpdate?.(changed, object, context)
  strategy.validateUpdate?.(changed, object)
  strategy.prepareForStatusUpdate?.(changed, object, { now: '2026-01-01T00:00:00Z' })
  strategy.validateStatusUpdate?.(changed, object)
  for (const subresource of Object.values(strategy.subresources ?? {})) {
    subresource.prepareForUpdate(changed, object, context)
    subresource.validateUpdate(changed, object)
  }
  strategy.gracePeriod?.(object, undefined)
  for (const column of kind.columns) column.value(object, 0)
  for (const read of Object.values(kind.selectableFields ?? {})) assert.equal(typeof read(object), 'string')
  if (kind.storedAs) kind.storedAs.fromStored(kind.storedAs.toStored(object))
}

const metadata = { name: 'a', namespace: 'b', uid: 'c', resourceVersion: '1', creationTimestamp: context.now }

for (const kind of builtInKinds) {
  test(`${kind.message}: nothing but metadata throws nowhere`, () => {
    exercise(kind, { metadata: { ...metadata } })
    exercise(kind, { metadata: { ...metadata }, spec: {} } as KubeObject)
    exercise(kind, { metadata: { ...metadata }, spec: { template: {} }, status: {} } as KubeObject)
  })
}

const fixtures = testData('api-fixtures/testdata/HEAD')

test('fully populated objects throw nowhere', context => {
  if (fixtures === undefined) return context.skip('skipped: api-fixtures/testdata/HEAD is not there')
  for (const kind of builtInKinds) {
    const { group, version, kind: name } = kind.type
    const file = `${fixtures}/${group === '' ? 'core' : group}.${version}.${name}.json`
    if (existsSync(file)) exercise(kind, JSON.parse(readFileSync(file, 'utf8')) as KubeObject)
  }
})

test('what a status patch leaves of the spec, which is the stored one and shared, nobody writes to', context => {
  if (fixtures === undefined) return context.skip('skipped: api-fixtures/testdata/HEAD is not there')
  let count = 0
  const writers: string[] = []
  for (const { type, strategy, message } of builtInKinds) {
    const { group, version, kind: name } = type
    const file = `${fixtures}/${group === '' ? 'core' : group}.${version}.${name}.json`
    if (strategy.prepareForStatusUpdate === undefined || !existsSync(file)) continue
    const old = JSON.parse(readFileSync(file, 'utf8')) as KubeObject & { spec?: object }
    strategy.default?.(old)
    deepFreeze(old)
    const { spec, ...rest } = old
    const changed = Object.assign(structuredClone(rest), { spec }) as KubeObject
    try {
      strategy.default?.(changed)
      strategy.prepareForStatusUpdate(changed, old, { now: '2026-01-01T00:00:00Z' })
      strategy.validateStatusUpdate?.(changed, old)
    } catch (error) {
      writers.push(`${message}: ${error}`)
    }
    count++
  }
  assert.deepEqual(writers, [])
  assert.ok(count > 20, `${count}`)
})

/** Every copy of `object` in which one field is gone, or one list or map is empty. */
function* damaged(object: KubeObject): Iterable<[path: string, copy: KubeObject]> {
  const copy = structuredClone(object)
  function* walk(value: unknown, path: string): Iterable<[string, KubeObject]> {
    if (typeof value !== 'object' || value === null) return
    const record = value as Record<string, unknown>
    for (const key of Object.keys(record)) {
      const before = record[key]
      const at = `${path}.${key}`
      // Templates are pods once more, and pods have a walk of their own.
      if (at === '.metadata' || at.endsWith('emplate.spec')) continue
      if (!Array.isArray(value)) {
        delete record[key]
        yield [`without ${at}`, copy]
      }
      if (typeof before === 'object' && before !== null) {
        record[key] = Array.isArray(before) ? [] : {}
        yield [`empty ${at}`, copy]
      }
      record[key] = before
      yield* walk(before, at)
    }
  }
  yield* walk(copy, '')
}

test('populated objects with one part missing throw nowhere', context => {
  if (fixtures === undefined) return context.skip('skipped: api-fixtures/testdata/HEAD is not there')
  const found: string[] = []
  for (const kind of builtInKinds) {
    const { group, version, kind: name } = kind.type
    const file = `${fixtures}/${group === '' ? 'core' : group}.${version}.${name}.json`
    if (!existsSync(file)) continue
    for (const [path, object] of damaged(JSON.parse(readFileSync(file, 'utf8')) as KubeObject)) {
      try {
        exercise(kind, object)
      } catch (error) {
        found.push(`${kind.message} ${path}: ${error instanceof Error ? error.stack : String(error)}`)
      }
    }
  }
  assert.equal(found.join('\n'), '')
})
