/** What one mutation makes of an object (k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch). */
import type { Mutation } from '@canopus/api/admissionregistration/v1'
import {
  apiVersionOf,
  applyJsonPatch,
  DecodeError,
  type GroupVersionKind,
  type KubeObject,
  LayOverError,
  layOver,
  PatchError,
} from '@canopus/apimachinery'
import { CelError, ListValue, ObjectValue, objectTypeProblem, toJson, type Value } from '@canopus/cel'
import type { ObjectVersions } from '../../security.ts'

/** The mutation cannot be made; the message is upstream's. */
export class MutationError extends Error {}

/** The object after a mutation whose expression came to `value`; a new one. Throws MutationError. */
export function mutated(
  patchType: Mutation['patchType'],
  object: KubeObject,
  value: Value,
  kind: GroupVersionKind,
  versions: ObjectVersions,
): KubeObject {
  const whole = { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind }
  try {
    const next = patchType === 'JSONPatch' ? patched(whole, value) : merged(whole, value, kind, versions)
    return versions.decode(next, kind)
  } catch (error) {
    if (error instanceof CelError || error instanceof DecodeError) throw new MutationError(error.message)
    throw error
  }
}

function patched(object: KubeObject, value: Value): unknown {
  if (!(value instanceof ListValue)) {
    throw new MutationError('type mismatch: JSONPatchType.expression should evaluate to array')
  }
  try {
    return applyJsonPatch(object as never, value.toArray().map(operation))
  } catch (error) {
    if (!(error instanceof PatchError)) throw error
    // A patch whose test fails is not made.
    if (error.message.endsWith('test failed')) return object
    throw new MutationError(`JSON Patch: ${error.message}`)
  }
}

function operation(value: Value): unknown {
  if (!(value instanceof ObjectValue)) {
    throw new MutationError('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch')
  }
  const content = value.fields.get('value')
  if (content instanceof ObjectValue) checkTypes(content)
  const out: Record<string, unknown> = { op: value.fields.get('op') ?? '', path: value.fields.get('path') ?? '' }
  if (value.fields.get('from')) out.from = value.fields.get('from')
  if (content !== undefined) out.value = toJson(content)
  return out
}

function checkTypes(value: ObjectValue): void {
  const problem = objectTypeProblem(value, value.type.name)
  if (problem !== undefined) throw new MutationError(`type mismatch: ${problem}`)
}

function merged(object: KubeObject, value: Value, kind: GroupVersionKind, versions: ObjectVersions): unknown {
  if (!(value instanceof ObjectValue)) {
    throw new MutationError('unsupported return type from ApplyConfiguration expression')
  }
  const problem = objectTypeProblem(value)
  if (problem !== undefined) throw new MutationError(`type mismatch: ${problem}`)
  const fields = { ...(toJson(value) as object), apiVersion: object.apiVersion, kind: object.kind }
  try {
    return layOver(versions.schema(kind), object as never, fields as never)
  } catch (error) {
    if (error instanceof LayOverError) throw new MutationError(`error applying patch: ${error.message}`)
    throw error
  }
}
