/** For tests of kinds: a valid object, then one change per rule and the finding that it must cause. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText, type KubeObject } from '@canopus/apimachinery'
import type { Kind } from '../kind.ts'

const context = { now: '2026-01-01T00:00:00Z' }

export interface Row<T> {
  /** What changes; the test's name. */
  name: string
  change(object: T): void
  /** Texts of all findings; none where the change is allowed. */
  errors: readonly string[]
}

/** An object as it is stored after creation: defaulted, prepared. */
export function created<T extends KubeObject>(kind: Kind<T>, object: T): T {
  const copy = structuredClone(object)
  kind.strategy.default?.(copy)
  kind.strategy.prepareForCreate?.(copy, context)
  return copy
}

/** Findings at the creation of `object`. */
export function createErrors<T extends KubeObject>(kind: Kind<T>, object: T): string[] {
  return (kind.strategy.validate?.(created(kind, object)) ?? []).map(fieldErrorText)
}

/** Findings at an update that makes `change` to the stored `object`. */
export function updateErrors<T extends KubeObject>(kind: Kind<T>, object: T, change: (object: T) => void): string[] {
  const old = created(kind, object)
  const changed = structuredClone(old)
  change(changed)
  kind.strategy.default?.(changed)
  kind.strategy.prepareForUpdate?.(changed, old, context)
  return (kind.strategy.validateUpdate?.(changed, old) ?? []).map(fieldErrorText)
}

/** One test per row, at creation. */
export function testCreate<T extends KubeObject>(kind: Kind<T>, valid: T, rows: readonly Row<T>[]): void {
  const name = kind.type.kind
  test(`${name}: a valid object passes`, () => assert.deepEqual(createErrors(kind, valid), []))
  for (const row of rows) {
    test(`${name}: ${row.name}`, () => {
      const object = structuredClone(valid)
      row.change(object)
      assert.deepEqual(createErrors(kind, object), row.errors)
    })
  }
}

/** One test per row, at an update. */
export function testUpdate<T extends KubeObject>(kind: Kind<T>, valid: T, rows: readonly Row<T>[]): void {
  const name = kind.type.kind
  test(`${name} update: nothing changed`, () =>
    assert.deepEqual(
      updateErrors(kind, valid, () => {}),
      [],
    ))
  for (const row of rows) {
    test(`${name} update: ${row.name}`, () => assert.deepEqual(updateErrors(kind, valid, row.change), row.errors))
  }
}
