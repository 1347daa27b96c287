import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isMissing, isRunning, startTimeOf } from '@canopus/platform'
import { Failure } from '../failure.ts'
import { MOST_SLOTS } from './config.ts'

/**
 * Clusters side by side differ in their slot: addresses, ports and interface names follow from it. Slots belong to the machine,
 * not to a user's home: a claim is a file that only one process can make.
 */
export const SLOTS_DIRECTORY = '/var/tmp/canopus-slots'

interface Claim {
  /** Path of the cluster's description: while that exists, the slot is taken. */
  owner: string
  /** Who claimed it, for the time before the description is written. */
  pid: number
  startTime: string
}

/** Takes the lowest free slot for the cluster with this description. Throws `Failure` where all are taken. */
export function claimSlot(owner: string, directory = SLOTS_DIRECTORY): number {
  makeShared(directory)
  const claim: Claim = { owner, pid: process.pid, startTime: startTimeOf(process.pid) ?? '' }
  for (let slot = 0; slot < MOST_SLOTS; slot++) {
    const path = join(directory, `slot-${slot}`)
    const held = readClaim(path)
    if (held && !isStale(held)) continue
    try {
      if (held) rmSync(path, { force: true })
      writeFileSync(path, JSON.stringify(claim), { flag: 'wx', mode: 0o644 })
      return slot
    } catch (error) {
      // Somebody was quicker, or the stale claim is another user's and not ours to take away.
      if (!isTaken(error)) throw error
    }
  }
  throw new Failure(
    `there are ${MOST_SLOTS} clusters on this machine already`,
    'Remove one with `canopus delete --name NAME`.',
  )
}

const isTaken = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && ['EEXIST', 'EPERM', 'EACCES'].includes(error.code as string)

/** Gives a slot back; somebody else's is left alone. */
export function releaseSlot(slot: number, owner: string, directory = SLOTS_DIRECTORY): void {
  const path = join(directory, `slot-${slot}`)
  if (readClaim(path)?.owner === owner) rmSync(path, { force: true })
}

/** Whether another cluster on this machine has a slot. */
export function otherSlotsTaken(slot: number, directory = SLOTS_DIRECTORY): boolean {
  const slots = Array.from({ length: MOST_SLOTS }, (_, index) => index).filter(index => index !== slot)
  return slots.some(index => {
    const held = readClaim(join(directory, `slot-${index}`))
    return held !== undefined && !isStale(held)
  })
}

function readClaim(path: string): Claim | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Claim
  } catch (error) {
    if (isMissing(error)) return undefined
    return { owner: '', pid: 0, startTime: 'damaged' }
  }
}

function isStale(claim: Claim): boolean {
  return !existsSync(claim.owner) && !isRunning(claim)
}

/** The directory is everybody's, like /tmp. */
function makeShared(directory: string): void {
  if (existsSync(directory)) return
  mkdirSync(directory, { recursive: true })
  chmodSync(directory, 0o1777)
}
