/** Which queues a flow may use: the same few for one flow, others for most other flows (KEP-1040, "shuffle sharding"). */
import { createHash } from 'node:crypto'

/** 64 bits that stand for a flow. */
export function flowHash(schema: string, distinguisher: string): bigint {
  return createHash('sha256').update(`${schema}\0${distinguisher}`).digest().readBigUInt64LE()
}

/** Deals `handSize` different cards of a deck, decided by the hash alone (k8s.io/apiserver/pkg/util/shufflesharding). */
export function dealHand(hash: bigint, deckSize: number, handSize: number): number[] {
  let rest = hash
  const hand: number[] = []
  const remainders: number[] = []
  for (let at = 0; at < handSize; at++) {
    const left = BigInt(deckSize - at)
    remainders.push(Number(rest % left))
    rest /= left
  }
  for (const [at, remainder] of remainders.entries()) {
    let card = remainder
    for (let before = at; before > 0; before--) if (card >= remainders[before - 1]!) card++
    hand.push(card)
  }
  return hand
}
