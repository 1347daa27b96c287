/**
 * Objects of one kind say the same for the most part: an object and its next version, the pods of one template, the nodes of one
 * make. 150,000 pods as JSON.parse gives them are ten million small things that the garbage collector visits each time; with what
 * they have in common held once it is a quarter of that. Informers may do this, since nobody changes what they hold.
 */
import { controllerOf, type KubeObject, withPartsOf } from '@canopus/apimachinery'

export class Siblings<T extends KubeObject> {
  /** The newest object of each controller, by its uid. */
  readonly #ofController = new Map<string, T>()
  /** The one that came last: lists are in order of names, in which what is alike stands together. */
  #last: T | undefined

  /** The object, with the parts that it has in common with its version before, or else with one like it, held once. */
  sharing(object: T, before: T | undefined): T {
    const controller = controllerOf(object)?.uid
    const sibling = controller === undefined ? undefined : this.#ofController.get(controller)
    return this.remember(withPartsOf(before ?? sibling ?? this.#last, object))
  }

  /** The object, which those to come may have parts in common with. */
  remember(object: T): T {
    const controller = controllerOf(object)?.uid
    if (controller !== undefined) this.#ofController.set(controller, object)
    this.#last = object
    return object
  }

  /** The object is gone: it is not kept for what others may have in common with it. */
  forget(object: T): void {
    if (this.#last?.metadata.uid === object.metadata.uid) this.#last = undefined
    const controller = controllerOf(object)?.uid
    if (controller === undefined) return
    if (this.#ofController.get(controller)?.metadata.uid === object.metadata.uid) this.#ofController.delete(controller)
  }
}
