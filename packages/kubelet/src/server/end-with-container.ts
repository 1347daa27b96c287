import type { Clock } from '@canopus/base'

const LOOK_EVERY = 1_000
/** A runtime that has said nothing for this many looks after its container has ended will not say anything more. */
const SILENT_LOOKS = 2

/** A connection of the runtime's that belongs to a container. */
export interface ContainerStream {
  isRunning(): boolean
  /** How much has come from the runtime, and how much of it the client has not taken yet, in bytes. */
  received(): number
  waiting(): number
}

/**
 * Calls `end` some seconds after the container has ended, where nothing more comes: containerd sometimes keeps an attach open for
 * ever whose container ends while it starts. Looks until `signal` aborts.
 */
export function endWithContainer(clock: Clock, stream: ContainerStream, end: () => void, signal: AbortSignal): void {
  let silent = 0
  let received = stream.received()
  const look = (): void => {
    if (signal.aborted) return
    const before = received
    received = stream.received()
    silent = stream.isRunning() || received !== before || stream.waiting() > 0 ? 0 : silent + 1
    if (silent > SILENT_LOOKS) end()
    else clock.setTimer(LOOK_EVERY, look)
  }
  clock.setTimer(LOOK_EVERY, look)
}
