/** How custom objects come and change (k8s.io/apiextensions-apiserver/pkg/registry/customresource/strategy.go). */
import type { Strategy } from '@canopus/api'
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import { deepEqual, type FieldError, type KubeObject } from '@canopus/apimachinery'
import { applyDefaults } from './defaults.ts'
import { validateValue } from './values.ts'

type Open = KubeObject & Record<string, unknown>

const NOT_COUNTED = ['apiVersion', 'kind', 'metadata']

/**
 * `hasStatus`: whether the version has the status subresource. Rules in CEL (`x-kubernetes-validations`) are kept in definitions but not
 * evaluated yet.
 */
export function customStrategy(schema: JSONSchemaProps, hasStatus: boolean): Strategy {
  const check = (object: KubeObject, old?: KubeObject): FieldError[] =>
    old === undefined ? validateValue(schema, object, '') : validateValue(schema, object, '', old)
  return {
    hasGeneration: true,
    allowUnconditionalUpdate: false,
    default: object => applyDefaults(schema, object),
    prepareForCreate(object) {
      if (hasStatus) delete (object as Open).status
      object.metadata.generation = 1
    },
    validate: object => check(object),
    prepareForUpdate(object, old) {
      if (hasStatus) copyStatus(object as Open, old as Open)
      const same = sameExcept(object as Open, old as Open, hasStatus ? [...NOT_COUNTED, 'status'] : NOT_COUNTED)
      const generation = old.metadata.generation
      if (!same) object.metadata.generation = (generation ?? 0) + 1
      else if (generation !== undefined) object.metadata.generation = generation
    },
    validateUpdate: check,
    prepareForStatusUpdate: (object, old) => keepAllButStatus(object as Open, old as Open),
    validateStatusUpdate: check,
  }
}

function copyStatus(object: Open, old: Open): void {
  if (old.status === undefined) delete object.status
  else object.status = old.status
}

function sameExcept(object: Open, old: Open, except: readonly string[]): boolean {
  const names = new Set([...Object.keys(object), ...Object.keys(old)])
  for (const name of names) if (!except.includes(name) && !deepEqual(object[name], old[name])) return false
  return true
}

/** Custom objects keep even their metadata, but for who manages which fields. */
function keepAllButStatus(object: Open, old: Open): void {
  for (const name of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (['apiVersion', 'kind', 'metadata', 'status'].includes(name)) continue
    if (old[name] === undefined) delete object[name]
    else object[name] = old[name]
  }
  const { managedFields, resourceVersion } = object.metadata
  object.metadata = { ...old.metadata, resourceVersion }
  if (managedFields === undefined) delete (object.metadata as Partial<KubeObject['metadata']>).managedFields
  else object.metadata.managedFields = managedFields
}
