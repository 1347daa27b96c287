import { run, tryRun } from '@canopus/platform'

/** An IPv4 CIDR taken apart; `base` is the first address as a number. Throws for anything else. */
export function parseCidr(cidr: string): { base: number; prefix: number; size: number } {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr)
  if (!match) throw new Error(`${cidr} is not an IPv4 CIDR`)
  const prefix = Number(match[2])
  if (prefix > 32) throw new Error(`${cidr} is not an IPv4 CIDR`)
  const size = 2 ** (32 - prefix)
  return { base: Math.floor(ipToNumber(match[1]!) / size) * size, prefix, size }
}

/** An IPv4 address as a number. Throws where it is none. */
export function ipToNumber(address: string): number {
  const parts = address.split('.').map(Number)
  if (parts.length !== 4 || parts.some(part => !Number.isInteger(part) || part < 0 || part > 255))
    throw new Error(`${address} is not an IPv4 address`)
  return parts.reduce((sum, part) => sum * 256 + part, 0)
}

/** The dotted form of an address. */
export function numberToIp(value: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(value / 2 ** shift) % 256).join('.')
}

/** The address at `index` of a range: 1 is the first usable one. */
export function addressAt(cidr: string, index: number): string {
  return numberToIp(parseCidr(cidr).base + index)
}

/** The `index`-th subnet of the given prefix length inside a range. */
export function subnetAt(cidr: string, prefix: number, index: number): string {
  return `${numberToIp(parseCidr(cidr).base + index * 2 ** (32 - prefix))}/${prefix}`
}

/** Whether an address lies in a range. */
export function cidrContains(cidr: string, address: string): boolean {
  const { base, size } = parseCidr(cidr)
  const value = ipToNumber(address)
  return value >= base && value < base + size
}

/** Runs several `ip` commands in one process, stopping at the first that fails. */
export async function ipBatch(commands: readonly string[]): Promise<void> {
  if (commands.length > 0) await run('ip', ['-batch', '-'], { input: commands.map(command => `${command}\n`).join('') })
}

/** The address and interface that traffic to the outside takes, or `undefined` on a machine without a default route. */
export async function defaultRoute(): Promise<{ interface: string; address: string; gateway?: string } | undefined> {
  const shown = await tryRun('ip', ['-j', '-4', 'route', 'show', 'default'])
  const routes = JSON.parse(shown.stdout || '[]') as { dev: string; gateway?: string; prefsrc?: string }[]
  const route = routes[0]
  if (!route) return undefined
  const address = route.prefsrc ?? (await addressOf(route.dev))
  return address === undefined
    ? undefined
    : { interface: route.dev, address, ...(route.gateway ? { gateway: route.gateway } : {}) }
}

/** The first IPv4 address of an interface. */
export async function addressOf(device: string): Promise<string | undefined> {
  const shown = await tryRun('ip', ['-j', '-4', 'address', 'show', 'dev', device])
  const links = JSON.parse(shown.stdout || '[]') as { addr_info: { local: string }[] }[]
  return links[0]?.addr_info[0]?.local
}
