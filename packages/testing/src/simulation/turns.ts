import { SimulatedClock } from '@canopus/base'

/**
 * Resolves when everything that the last timer set off has come to rest. Nothing in a simulation waits for the outside, so
 * two turns of the event loop are enough: promise jobs run dry in the first, and work that the API server puts off by a
 * turn, with what follows from it, in the second.
 */
export async function settled(): Promise<void> {
  await nextTurn()
  await nextTurn()
}

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** A clock that moves only by command, each time once nothing is left to run at the moment before. */
export function createSimulatedClock(start?: number): SimulatedClock {
  return new SimulatedClock({ settle: settled, ...(start === undefined ? {} : { start }) })
}
