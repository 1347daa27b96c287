import { readFileSync, writeFileSync } from 'node:fs'
import { isMissing } from '@canopus/platform'

const pathOf = (name: string): string => `/proc/sys/${name.replaceAll('.', '/')}`

/** A kernel parameter's value, or `undefined` where this kernel has none of that name. */
export function readSysctl(name: string): string | undefined {
  try {
    return readFileSync(pathOf(name), 'utf8').trim()
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Sets a kernel parameter unless it has that value; returns the value before. Parameters that do not exist are left alone. */
export function writeSysctl(name: string, value: string): string | undefined {
  const before = readSysctl(name)
  if (before !== undefined && before !== value) writeFileSync(pathOf(name), value)
  return before
}

/** What a node's network namespace must have for routed pods. */
export const nodeSysctls: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv4.conf.all.send_redirects': '0',
  'net.ipv4.conf.default.send_redirects': '0',
  'net.ipv4.conf.all.rp_filter': '0',
  'net.ipv4.conf.default.rp_filter': '0',
}
