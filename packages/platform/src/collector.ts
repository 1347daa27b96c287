/** What V8's garbage collector goes by in a process that holds a cluster. */
import { setFlagsFromString } from 'node:v8'

/**
 * Counts the bytes of buffers as a part of the heap, whose growth decides when all of it is marked. V8 otherwise marks everything
 * each time that buffers have grown by 64 MB, however large the heap is. Stored objects and answers are buffers, so that a server
 * that holds a big cluster marks a gigabyte for some pages of a list.
 */
export function countBuffersAsHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}
