/** What V8 goes by in a process that serves a cluster. */
import { setFlagsFromString } from 'node:v8'

/**
 * Counts the bytes of buffers as a part of the heap, whose growth decides when all of it is marked: V8 otherwise marks everything
 * each time that buffers have grown by 64 MB, however large the heap is. Stored objects and answers are buffers, so that a server
 * that holds a big cluster marks a gigabyte for some pages of a list.
 *
 * Compiles with all its optimisations what has run a thousand times instead of three thousand: the path of a request is long and
 * flat, and a server for whose clients each answer counts would take its first minutes half optimised (bench/README.md).
 */
export function tuneEngine(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
  setFlagsFromString('--invocation-count-for-turbofan=1000')
}
