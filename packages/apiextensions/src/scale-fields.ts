/** Where definitions say that the numbers of `/scale` are (k8s.io/apiextensions-apiserver, ScaleREST and its validation). */
import type { CustomResourceSubresourceScale } from '@canopus/api/apiextensions/v1'
import { type FieldError, invalid, type KubeObject, NumberLiteral } from '@canopus/apimachinery'

const MAX_INT32 = 2147483647

/** The names of a path in dot notation. Whatever stands between the dots is a name: `.spec.replicas[0]` has no index. */
export const scalePath = (path: string): string[] => path.replace(/^\./, '').split('.')

/** What is wrong with the replicas that are wanted; nothing where there are none. */
export function checkScaleSpec(object: KubeObject, scale: CustomResourceSubresourceScale): FieldError[] {
  return checkReplicas(object, scale.specReplicasPath)
}

/** What is wrong with the replicas that there are, and with the selector. */
export function checkScaleStatus(object: KubeObject, scale: CustomResourceSubresourceScale): FieldError[] {
  const errors = checkReplicas(object, scale.statusReplicasPath)
  const path = scale.labelSelectorPath
  if (path === undefined) return errors
  const found = fieldAt(object, path)
  if (found === undefined || ('value' in found && typeof found.value === 'string')) return errors
  const problem = 'problem' in found ? found.problem : wrongType(path, found.value, 'string')
  return [...errors, invalid(path, '', problem)]
}

function checkReplicas(object: KubeObject, path: string): FieldError[] {
  const found = fieldAt(object, path)
  if (found === undefined) return []
  if ('problem' in found) return [invalid(path, 0, found.problem)]
  const { value } = found
  const whole = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))
  if (!whole) return [invalid(path, 0, wrongType(path, value, 'int64'))]
  if (value < 0) return [invalid(path, value, 'should be a non-negative integer')]
  return value > MAX_INT32 ? [invalid(path, value, `should be less than or equal to ${MAX_INT32}`)] : []
}

/** Undefined where the path leads nowhere, a problem where it leads through what has no fields. */
function fieldAt(object: KubeObject, path: string): { value: unknown } | { problem: string } | undefined {
  let value: unknown = object
  const names = scalePath(path)
  for (const [index, name] of names.entries()) {
    if (value === null) return undefined
    if (typeof value !== 'object' || Array.isArray(value) || value instanceof NumberLiteral) {
      return { problem: wrongType(`.${names.slice(0, index + 1).join('.')}`, value, 'map[string]interface{}') }
    }
    if (!Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return { value }
}

const wrongType = (path: string, value: unknown, expected: string): string =>
  `${path} accessor error: ${shown(value)} is of the type ${typeName(value)}, expected ${expected}`

function typeName(value: unknown): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'bigint') return 'int64'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64'
  return value instanceof NumberLiteral ? 'float64' : 'map[string]interface {}'
}

function shown(value: unknown): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(shown).join(' ')}]`
  if (typeof value !== 'object' || value instanceof NumberLiteral) return String(value)
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return `map[${entries.map(([name, each]) => `${name}:${shown(each)}`).join(' ')}]`
}
