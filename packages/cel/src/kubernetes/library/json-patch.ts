import { func, overload, type TypeProvider } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { dynType, stringType, structType } from '../../types/type.ts'
import { CelError } from '../../values/error.ts'
import { ObjectValue, typeOf } from '../../values/value.ts'

const JSON_PATCH = 'JSONPatch'

const patchFields = new Map([
  ['op', stringType],
  ['path', stringType],
  ['from', stringType],
  ['value', dynType],
])

/** Upstream knows any field of a patch, but not the type of those that it has not. */
const noType = structType('')

const isObject = (name: string): boolean => name === 'Object' || name.startsWith('Object.')

/** `JSONPatch{op: ...}`, and `Object{spec: Object.spec{...}}` with any fields, whose types are known only at run time. */
const mutationTypes: TypeProvider = {
  findType: name => (name === JSON_PATCH || isObject(name) ? structType(name) : undefined),
  findField(typeName, field) {
    if (typeName === JSON_PATCH) return patchFields.get(field) ?? noType
    return isObject(typeName) ? dynType : undefined
  },
  newObject(typeName, fields) {
    for (const [name, value] of fields) {
      if (typeName === JSON_PATCH && name !== 'value' && typeof value !== 'string') {
        throw new CelError(`unexpected type ${typeOf(value).name} for JSONPatchType '${name}' field`)
      }
    }
    return new ObjectValue(typeName, fields)
  },
}

const escapeKey = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/**
 * What expressions of MutatingAdmissionPolicy have besides: `JSONPatch{}`, `Object{}` and `jsonpatch.escapeKey`.
 * Behaviour: apiserver pkg/cel/library/jsonpatch.go, pkg/cel/mutation.
 */
export const mutationLibrary: Library = {
  types: mutationTypes,
  functions: [
    func('jsonpatch.escapeKey', overload('string_jsonpatch_escapeKey_string', [stringType], stringType, escapeKey)),
  ],
}

/**
 * Whether the types of an object say where it belongs: `Object.spec` may only stand in the field `spec` of `Object`. Gives the
 * first problem. Behaviour: apiserver pkg/cel/mutation/dynamic/objects.go.
 */
export function objectTypeProblem(value: ObjectValue, path = 'Object'): string | undefined {
  if (value.type.name !== path) {
    return `unexpected type name "${value.type.name}", expected "${path}", which matches field name path from root Object type`
  }
  for (const [name, field] of value.fields) {
    const problem = field instanceof ObjectValue ? objectTypeProblem(field, `${path}.${name}`) : undefined
    if (problem !== undefined) return problem
  }
  return undefined
}
