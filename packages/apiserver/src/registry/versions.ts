/** The versions of one kind, as admission sees them (k8s.io/apimachinery/pkg/runtime/mapper.go, EquivalentResourceRegistry). */
import { type Kind, schemaOfKind, schemas } from '@canopus/api'
import {
  apiVersionOf,
  clone,
  decodeValue,
  type GroupVersionKind,
  internalError,
  type KubeObject,
  type StructSchema,
} from '@canopus/apimachinery'
import type { Maybe, ObjectVersions, VersionedResource } from '../security.ts'
import type { KindStore } from './kind-store.ts'

export class KindVersions implements ObjectVersions {
  readonly #kind: Kind
  readonly #subresource: string
  /** Every served version of the same objects. */
  readonly #stores: readonly KindStore[]

  constructor(kind: Kind, subresource: string, stores: readonly KindStore[]) {
    this.#kind = kind
    this.#subresource = subresource
    this.#stores = stores
  }

  equivalents(): readonly VersionedResource[] {
    const own = this.#kind.type
    return this.#stores.flatMap(({ kind: { type } }) => {
      const { group, version, plural: resource, kind } = type
      if (group === own.group && version === own.version) return []
      const sub = this.#subresource === '' ? undefined : type.subresources[this.#subresource]
      if (this.#subresource !== '' && sub === undefined) return []
      return [{ resource: { group, version, resource }, kind: sub?.type ?? { group, version, kind } }]
    })
  }

  convert(object: KubeObject, kind: GroupVersionKind): Maybe<KubeObject> {
    const from = this.#stores.find(each => each.apiVersion === object.apiVersion)
    const to = this.storeOf(kind)
    // What is in no version of the resource (scales, evictions) is the same everywhere.
    if (to === undefined || from === undefined || from === to) return object
    return from.convertTo(to, object)
  }

  decode(value: unknown, kind: GroupVersionKind): KubeObject {
    const object = decodeValue(this.schema(kind), clone(value)).object as unknown as KubeObject
    this.storeOf(kind)?.kind.strategy.default?.(object)
    return object
  }

  schema(kind: GroupVersionKind): StructSchema {
    const store = this.storeOf(kind)
    const schema = store === undefined ? schemaOfKind(kind) : schemaOf(store.kind)
    if (schema === undefined) throw internalError(`no kind ${JSON.stringify(kind.kind)} is registered`)
    return schema
  }

  private storeOf({ group, version, kind }: GroupVersionKind): KindStore | undefined {
    const apiVersion = apiVersionOf({ group, version })
    return this.#stores.find(each => each.apiVersion === apiVersion && each.kind.type.kind === kind)
  }
}

export const schemaOf = (kind: Kind): StructSchema => kind.custom?.schema ?? schemas.schemaOf(kind.message)
