/** Changing an object that others change too: read, change, write, and again where somebody was faster. */

import { hasReason, type KubeObject } from '@canopus/apimachinery'
import { type Clock, sleep } from '@canopus/base'
import type { ResourceClient } from '@canopus/client'

const ATTEMPTS = 5
const FIRST_DELAY_MS = 10

export interface UpdateOptions {
  clock: Clock
  signal?: AbortSignal
}

/**
 * Writes the status that `change` makes of `object`; on a conflict reads the object anew and asks again. `change` returns
 * nothing where there is nothing to write. Answers the object as it is on the server, as far as known.
 */
export function patchStatus<T extends KubeObject>(
  client: Pick<ResourceClient<T>, 'get' | 'updateStatus'>,
  object: T,
  change: (object: T) => T | undefined,
  options: UpdateOptions,
): Promise<T> {
  return retryUpdate(client, object, change, next => client.updateStatus(next), options)
}

/** The same for everything but the status. */
export function patchObject<T extends KubeObject>(
  client: Pick<ResourceClient<T>, 'get' | 'update'>,
  object: T,
  change: (object: T) => T | undefined,
  options: UpdateOptions,
): Promise<T> {
  return retryUpdate(client, object, change, next => client.update(next), options)
}

async function retryUpdate<T extends KubeObject>(
  client: Pick<ResourceClient<T>, 'get'>,
  object: T,
  change: (object: T) => T | undefined,
  write: (object: T) => Promise<T>,
  { clock, signal }: UpdateOptions,
): Promise<T> {
  let current = object
  for (let attempt = 1; ; attempt++) {
    const next = change(current)
    if (!next) return current
    try {
      return await write(next)
    } catch (error) {
      if (!hasReason(error, 'Conflict') || attempt === ATTEMPTS) throw error
      await sleep(clock, FIRST_DELAY_MS * attempt, signal)
      const { name, namespace, uid } = object.metadata
      current = await client.get(name, namespace ? { namespace } : {})
      if (current.metadata.uid !== uid) throw error
    }
  }
}
