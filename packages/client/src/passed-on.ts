/**
 * Where server and informers are one process, each informer gets the very same object of an event: what the first of them has made
 * of it does for all, and they hold it once.
 */
import type { KubeObject } from '@canopus/apimachinery'

interface Passed {
  readonly transform: unknown
  readonly made: KubeObject
}

/** As long as somebody holds the object: where it came as bytes of its own, nobody does. */
const passedOn = new WeakMap<KubeObject, Passed>()

/** What an informer with the same transform has made of this very object. */
export function madeByAnother<T extends KubeObject>(object: T, transform: unknown): T | undefined {
  const passed = passedOn.get(object)
  return passed !== undefined && passed.transform === transform ? (passed.made as T) : undefined
}

/** Tells other informers what was made of an object, where none has told before. */
export function passOn(object: KubeObject, transform: unknown, made: KubeObject): void {
  if (!passedOn.has(object)) passedOn.set(object, { transform, made })
}
