import { keptDepth, MAX_DEPTH, SHALLOW_DEPTH } from './depth.ts'
import { JsonSyntaxError } from './syntax-error.ts'

/**
 * A quick look over JSON text: whether JSON.parse reads it without loss of what matters (numbers as written, depth), and
 * how many members its objects have, which tells afterwards whether a field was given twice. Expects nothing of the text's
 * validity: JSON.parse decides that.
 */
export interface Survey {
  /** Members of all objects together, counted by colons outside of strings. */
  members: number
  /** No fraction, no exponent, no integer of 16 digits or more, no extreme depth. */
  plain: boolean
  /** How many levels its objects and lists nest. */
  deepest: number
}

export function surveyJson(text: string): Survey {
  const length = text.length
  let members = 0
  let depth = 0
  let plain = true
  let deepest = 0
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) at = endOfString(text, at + 1)
    else if (code === 0x3a) members++
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > deepest) deepest = depth
    } else if (code === 0x7d || code === 0x5d) depth--
    else if (code === 0x2e) plain = false
    else if (code >= 0x30 && code <= 0x39) {
      let end = at + 1
      while (isDigit(text.charCodeAt(end))) end++
      const next = text.charCodeAt(end)
      if (end - at > 15 || next === 0x65 || next === 0x45) plain = false
      at = end - 1
    }
  }
  return { members, plain: plain && deepest <= MAX_DEPTH, deepest }
}

/** Throws JsonSyntaxError where a text, all of which is kept, nests too deeply. Costs nothing where it is too short for that. */
export function checkDepth(text: string): void {
  if (text.length <= SHALLOW_DEPTH) return
  const { deepest } = surveyJson(text)
  if (deepest <= SHALLOW_DEPTH || deepest <= keptDepth()) return
  throw new JsonSyntaxError(`invalid character '${text.includes('{') ? '{' : '['}' exceeded max depth`)
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** The index of the closing quote, or the end of the text. */
function endOfString(text: string, from: number): number {
  const length = text.length
  for (let at = from; at < length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) return at
    if (code === 0x5c) at++
  }
  return length
}
