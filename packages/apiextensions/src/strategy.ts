/** How custom objects come and change (k8s.io/apiextensions-apiserver/pkg/registry/customresource/strategy.go). */
import type { Strategy } from '@canopus/api'
import type { CustomResourceSubresources, JSONSchemaProps } from '@canopus/api/apiextensions/v1'
import {
  checkQualifiedName,
  deepEqual,
  type FieldError,
  type FieldErrorType,
  invalid,
  type KubeObject,
  STANDARD_FINALIZERS,
} from '@canopus/apimachinery'
import { applyDefaults } from './defaults.ts'
import { hasEmbedded, validateEmbedded } from './embedded.ts'
import { checkListTypes, hasListTypes } from './list-types.ts'
import { type Comparisons, evaluateRules, type RuleNode, ruleTree, type TimeRules, untimed } from './rules/index.ts'
import { checkScaleSpec, checkScaleStatus } from './scale-fields.ts'
import { validateValue } from './values.ts'

type Open = KubeObject & Record<string, unknown>

const NOT_COUNTED = ['apiVersion', 'kind', 'metadata']

/** Findings that keep rules from being looked at: they may rely on what the schema says of their values. */
const BLOCKING: readonly FieldErrorType[] = [
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]

const NOT_CHECKED = invalid(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
)

/** `subresources`: those of the version. */
export function customStrategy(
  schema: JSONSchemaProps,
  subresources: CustomResourceSubresources = {},
  time: TimeRules = untimed,
): Strategy {
  const { scale } = subresources
  const hasStatus = subresources.status !== undefined
  let tree: RuleNode | undefined | null = null
  /** What rules say about what an update does not change. */
  const warnings = new WeakMap<KubeObject, readonly string[]>()
  // Most schemas have nothing of either, and need not be gone through with each object to find that out.
  let found: { embeds: boolean; lists: boolean } | undefined
  const looks = () => (found ??= { embeds: hasEmbedded(schema), lists: hasListTypes(schema) })
  const listErrors = (object: KubeObject, old?: KubeObject): FieldError[] =>
    looks().lists ? checkListTypes(schema, object, old) : []
  const check = (object: KubeObject, old?: KubeObject): FieldError[] => {
    const errors =
      old === undefined
        ? validateValue(schema, object, '')
        : timed(time, compare => validateValue(schema, object, '', old, compare))
    if (scale !== undefined) errors.push(...checkScaleSpec(object, scale), ...checkScaleStatus(object, scale))
    if (looks().embeds) errors.push(...validateEmbedded(schema, object))
    errors.push(...listErrors(object, old))
    return checkRules(errors, object, old)
  }
  const checkStatus = (object: KubeObject, old: KubeObject): FieldError[] => {
    const errors = timed(time, compare => validateStatus(schema, object as Open, old as Open, compare))
    if (scale !== undefined) errors.push(...checkScaleStatus(object, scale))
    errors.push(...listErrors(object, old))
    return checkRules(errors, object, old)
  }
  const checkRules = (errors: FieldError[], object: KubeObject, old: KubeObject | undefined): FieldError[] => {
    // Compiled with the first object, since most versions of most definitions are never written.
    tree ??= tree === null ? ruleTree(schema, time) : undefined
    if (tree === undefined) return errors
    if (errors.some(({ type }) => BLOCKING.includes(type))) return [...errors, NOT_CHECKED]
    const rules = tree
    const findings = time('evaluation', () => evaluateRules(rules, object, old))
    if (findings.warnings.length > 0) warnings.set(object, findings.warnings)
    return [...errors, ...findings.errors]
  }
  return {
    hasGeneration: true,
    allowUnconditionalUpdate: false,
    // What was applied went through no decoder, which would take nulls away.
    default: (object, applied) => applyDefaults(schema, object, applied),
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
    validateStatusUpdate: checkStatus,
    warnings: finalizerWarnings,
    noted: object => warnings.get(object) ?? [],
  }
}

type Compare = Comparisons['compare'] | undefined

/** Notes how long the comparisons of an update took, in all. */
function timed(time: TimeRules, check: (compare: Compare) => FieldError[]): FieldError[] {
  const comparisons = time.comparisons?.()
  const errors = check(comparisons?.compare)
  comparisons?.end()
  return errors
}

/** A status is checked by itself: what messages say of it starts there, and what is beside it counts for nothing. */
function validateStatus(schema: JSONSchemaProps, object: Open, old: Open, compare: Compare): FieldError[] {
  const own = schema.properties?.status
  if (own === undefined || !Object.hasOwn(object, 'status')) return []
  const errors = Object.hasOwn(old, 'status')
    ? validateValue(own, object.status, '', old.status, compare)
    : validateValue(own, object.status, '')
  return errors.map(({ type, field, body }) => {
    const inside = field !== '' && field !== '<nil>'
    return { type, field: inside ? `status${field.startsWith('[') ? '' : '.'}${field}` : 'status', body }
  })
}

/** Of finalizers that are new (generateWarningsFromObj upstream). */
function finalizerWarnings({ metadata }: KubeObject, old: KubeObject | undefined): string[] {
  const { finalizers = [] } = metadata
  const before = old?.metadata.finalizers ?? []
  return [...new Set(finalizers)]
    .filter(each => !before.includes(each))
    .sort()
    .flatMap(finalizer => {
      const head = `metadata.finalizers: ${JSON.stringify(finalizer)}: `
      const wrong = checkQualifiedName(finalizer).map(each => `${head}${each}`)
      if (finalizer.includes('/') || STANDARD_FINALIZERS.includes(finalizer)) return wrong
      const path = finalizer.includes('.') ? ' including a path (/)' : ''
      const advice = `prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`
      return [...wrong, `${head}${advice}`]
    })
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
