/** One write, as the watchers of its kind see it. Frames are made once per event type and encoding and then shared. */
import type { Piece } from '@canopus/client'
import type { ObjectVersion } from './object-version.ts'

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** Turns an event into the bytes of one frame of a watch stream. `id` names the form for sharing. */
export interface EventEncoder {
  readonly id: string
  encodeEvent(type: EventType, version: ObjectVersion): Piece
  /** The same in parts, the object's shared bytes among them: for who copies them together with others anyway. */
  eventParts?(type: EventType, version: ObjectVersion): readonly Uint8Array[]
  /** What a stream sends first, made of the frames that every stream gets; the same bytes where nothing is added. */
  startOfStream?(bytes: Uint8Array): Uint8Array
  encodeBookmark(revision: number, initialEventsEnd: boolean): Uint8Array
  encodeError(status: unknown): Uint8Array
}

export class Change {
  /** The new version; for a removal the last one, with the revision of the removal. */
  readonly current: ObjectVersion
  readonly previous: ObjectVersion | undefined
  readonly removed: boolean
  #frames: Map<string, Piece> | undefined
  #goodbye: ObjectVersion | undefined

  constructor(current: ObjectVersion, previous: ObjectVersion | undefined, removed: boolean) {
    this.current = current
    this.previous = previous
    this.removed = removed
  }

  get revision(): number {
    return this.current.revision
  }

  /** The frame that a watcher with this filter sees, or nothing where the object is not its business before or after. */
  frameFor(matches: ((version: ObjectVersion) => boolean) | undefined, encoder: EventEncoder): Piece | undefined {
    const before = this.previous !== undefined && (matches === undefined || matches(this.previous))
    const after = !this.removed && (matches === undefined || matches(this.current))
    if (after) return this.frame(before ? 'MODIFIED' : 'ADDED', encoder)
    return before ? this.frame('DELETED', encoder) : undefined
  }

  private frame(type: EventType, encoder: EventEncoder): Piece {
    const id = `${type} ${encoder.id}`
    let frame = this.#frames?.get(id)
    if (frame === undefined) {
      const version = type === 'DELETED' ? this.goodbye() : this.current
      frame = encoder.encodeEvent(type, version)
      this.#frames ??= new Map()
      this.#frames.set(id, frame)
    }
    return frame
  }

  /** What DELETED carries: the last state that the watcher knew, with the revision of this write. */
  private goodbye(): ObjectVersion {
    if (this.removed) return this.current
    this.#goodbye ??= this.previous!.atRevision(this.revision)
    return this.#goodbye
  }

  /** Frames are dropped once they were sent; late readers of the history make them again. */
  forgetFrames(): void {
    this.#frames = undefined
  }
}
