/** What wakes a controller: changes of its own kind, of what its objects own, of anything that maps to keys. */
import { controllerOf, type KubeObject, parseApiVersion, type ResourceType } from '@canopus/apimachinery'
import { type Informer, type InformerFactory, keyOf } from '@canopus/client'
import type { Key } from './controller.ts'

/** Puts keys into the queue, at once or after so many milliseconds. */
export type Enqueue = (key: Key, afterMs?: number) => void

export interface Trigger {
  /** Asks for the informer, so that it starts with the others. */
  prepare(informers: InformerFactory): Informer<KubeObject>
  /** Connects the informer to the queue; returns the disconnection. */
  connect(informers: InformerFactory, enqueue: Enqueue): () => void
}

/** How a change reaches the queue. `old` is there on updates; `deleted` says that `object` was the last state. */
export interface Change<T extends KubeObject> {
  object: T
  old: T | undefined
  deleted: boolean
  /** Part of the first list. */
  initial: boolean
}

/** The general form: every change of `type` is handed to `react`. */
export function on<T extends KubeObject>(
  type: ResourceType<T>,
  react: (change: Change<T>, enqueue: Enqueue) => void,
): Trigger {
  return {
    prepare: informers => informers.informer(type) as unknown as Informer<KubeObject>,
    connect: (informers, enqueue) =>
      informers.informer(type).addHandler({
        added: (object, initial) => react({ object, old: undefined, deleted: false, initial }, enqueue),
        updated: (old, object) => react({ object, old, deleted: false, initial: false }, enqueue),
        deleted: object => react({ object, old: undefined, deleted: true, initial: false }, enqueue),
      }),
  }
}

/** Objects of the kind that the controller is for: their own key, on every change (that `when` lets through). */
export function primary<T extends KubeObject>(type: ResourceType<T>, when?: (change: Change<T>) => boolean): Trigger {
  return on(type, (change, enqueue) => {
    if (!when || when(change)) enqueue(keyOf(change.object))
  })
}

/** Objects that the primary kind owns: the key of their controller, the former one too where it changed. */
export function owned<T extends KubeObject>(type: ResourceType<T>, owner: ResourceType): Trigger {
  return on(type, ({ object, old }, enqueue) => {
    const current = ownerKey(object, owner)
    const former = old && ownerKey(old, owner)
    if (former !== undefined && former !== current) enqueue(former)
    if (current !== undefined) enqueue(current)
  })
}

/** Objects that concern keys in another way. On updates both the old and the new object are asked. */
export function mapped<T extends KubeObject>(type: ResourceType<T>, keys: (object: T) => readonly Key[]): Trigger {
  return on(type, ({ object, old }, enqueue) => {
    for (const key of new Set([...(old ? keys(old) : []), ...keys(object)])) enqueue(key)
  })
}

/** The key of the object's controller where that is of the kind `owner`. */
export function ownerKey(object: KubeObject, owner: ResourceType): Key | undefined {
  const reference = controllerOf(object)
  if (!reference || reference.kind !== owner.kind) return undefined
  if (parseApiVersion(reference.apiVersion).group !== owner.group) return undefined
  const namespace = owner.namespaced ? object.metadata.namespace : undefined
  return keyOf({ metadata: { name: reference.name, namespace } })
}
