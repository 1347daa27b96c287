import { CelError } from '../values/error.ts'
import { ArrayList, GrowingList, ListValue } from '../values/list.ts'
import { EntryMap, MapValue } from '../values/map.ts'
import { typeOf, type Value } from '../values/value.ts'
import type { Eval, Frame } from './frame.ts'
import { asCelError } from './logic.ts'

/** A loop, planned. Slots are places in `Frame.locals`. */
export interface Fold {
  readonly range: Eval
  readonly accuInit: Eval
  readonly accuSlot: number
  readonly iterSlot: number
  readonly iterSlot2: number | undefined
  /** Undefined: always true. */
  readonly condition: Eval | undefined
  readonly step: Eval
  readonly result: Eval
  /** A macro's own accumulator, which no expression can name: lists in it may grow in place. */
  readonly mayGrow: boolean
}

/** The map that a loop makes, still growing. */
export class GrowingMap extends EntryMap {}

/** Reads an accumulator: made when it is first asked for; where a round of the loop failed, so does this. */
export function readAccumulator(slot: number, init: Eval, mayGrow: boolean): Eval {
  return frame => {
    const value = frame.locals[slot]
    if (value === undefined) {
      const first = mayGrow ? growing(init(frame)) : init(frame)
      frame.locals[slot] = first
      return first
    }
    if (value instanceof CelError) throw value
    return value as Value
  }
}

function growing(value: Value): Value {
  if (value instanceof ListValue && value.size === 0) return new GrowingList([])
  if (value instanceof MapValue && value.size === 0) return new GrowingMap()
  return value
}

export function planFold(fold: Fold): Eval {
  const { range, result, accuSlot } = fold
  return frame => {
    const over = range(frame)
    frame.locals[accuSlot] = undefined
    if (over instanceof ListValue) foldList(fold, frame, over)
    else if (over instanceof MapValue) foldMap(fold, frame, over)
    else throw new CelError(`got '${typeOf(over).name}', expected iterable type`)
    const value = result(frame)
    // Whoever gets the result must not make it grow.
    if (value instanceof GrowingList) return new ArrayList(value.values)
    if (value instanceof GrowingMap) return EntryMap.of(value.keys().map(key => [key, value.find(key)!]))
    return value
  }
}

function foldList(fold: Fold, frame: Frame, list: ListValue): void {
  const { iterSlot, iterSlot2 } = fold
  for (let i = 0; i < list.size; i++) {
    if (iterSlot2 === undefined) frame.locals[iterSlot] = elementOf(list, i)
    else {
      frame.locals[iterSlot] = i
      frame.locals[iterSlot2] = elementOf(list, i)
    }
    if (!round(fold, frame)) return
  }
}

/** An element that is no value fails where it is used, and not where it is only passed by. */
function elementOf(list: ListValue, index: number): Value | CelError {
  try {
    return list.at(index)
  } catch (error) {
    return asCelError(error)
  }
}

function foldMap(fold: Fold, frame: Frame, map: MapValue): void {
  const { iterSlot, iterSlot2 } = fold
  for (const key of map.keys()) {
    frame.locals[iterSlot] = key
    if (iterSlot2 !== undefined) frame.locals[iterSlot2] = map.find(key)
    if (!round(fold, frame)) return
  }
}

/** One round; false where the loop is to end before it. */
function round({ condition, step, accuSlot }: Fold, frame: Frame): boolean {
  if (condition !== undefined && !mayGoOn(condition, frame)) return false
  let accu: unknown
  try {
    accu = step(frame)
  } catch (error) {
    accu = asCelError(error)
  }
  frame.locals[accuSlot] = accu
  frame.checkpoint()
  return true
}

function mayGoOn(condition: Eval, frame: Frame): boolean {
  try {
    return condition(frame) !== false
  } catch (error) {
    asCelError(error)
    return true
  }
}
