import { DeviceClasses } from '@canopus/api'
import type { DeviceClass } from '@canopus/api/resource/v1'
import type { Informer, InformerFactory } from '@canopus/client'
import { classesByResource } from './extended-resources.ts'

/** Finds classes of devices by the extended resources that they stand for, as the informer has them. */
export class ClassIndex {
  readonly #informer: Informer<DeviceClass>
  #found: ReadonlyMap<string, DeviceClass> | undefined

  constructor(informers: InformerFactory) {
    this.#informer = informers.informer(DeviceClasses)
  }

  /** Follows the changes of classes from now on; answers the end. */
  connect(): () => void {
    const outdated = (): void => {
      this.#found = undefined
    }
    outdated()
    return this.#informer.addHandler({ added: outdated, updated: outdated, deleted: outdated })
  }

  find(resource: string): DeviceClass | undefined {
    this.#found ??= classesByResource(this.#informer.lister.list())
    return this.#found.get(resource)
  }
}
