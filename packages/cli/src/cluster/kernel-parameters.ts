import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { nodeSysctls, readSysctl, writeSysctl } from '@canopus/network'
import { readTextIfPresent, writeFileAtomic } from '@canopus/platform'
import { SLOTS_DIRECTORY } from './slots.ts'

const FILE = 'kernel-parameters.json'

/** Sets what routed pods need, after noting what was there before the first cluster of this machine came. */
export function setKernelParameters(directory = SLOTS_DIRECTORY): void {
  const path = join(directory, FILE)
  if (readTextIfPresent(path) === undefined) {
    const before = Object.keys(nodeSysctls).flatMap(name => {
      const value = readSysctl(name)
      return value === undefined ? [] : [[name, value]]
    })
    writeFileAtomic(path, JSON.stringify(Object.fromEntries(before)))
  }
  for (const [name, value] of Object.entries(nodeSysctls)) writeSysctl(name, value)
}

/** Puts the parameters back as they were. To be called when the last cluster with nodes goes. */
export function restoreKernelParameters(directory = SLOTS_DIRECTORY): void {
  const path = join(directory, FILE)
  const before = JSON.parse(readTextIfPresent(path) ?? '{}') as Record<string, string>
  for (const [name, value] of Object.entries(before)) writeSysctl(name, value)
  rmSync(path, { force: true })
}
