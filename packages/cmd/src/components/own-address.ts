import type { NetworkInterfaceInfo } from 'node:os'
import { isIpv6 } from '@canopus/apimachinery'

type Interfaces = Readonly<
  Record<string, readonly Pick<NetworkInterfaceInfo, 'address' | 'family' | 'internal'>[] | undefined>
>

const isUnspecified = (address: string): boolean => address === '0.0.0.0' || address === '::'
export const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1'
/** Addresses that mean something on their own link only. */
const isLinkLocal = (address: string): boolean => address.startsWith('169.254.') || /^fe[89ab]/i.test(address)

/**
 * What to advertise where nobody said: the address that is listened on, else the first of an interface, of the family that is
 * listened on where there is one (k8s.io/apimachinery/pkg/util/net: ResolveBindAddress). Loopback where there is none.
 */
export function ownAddress(bind: string, interfaces: Interfaces): string {
  if (!isUnspecified(bind) && !isLoopback(bind)) return bind
  const found = Object.values(interfaces)
    .flatMap(each => each ?? [])
    .filter(({ address, internal }) => !internal && !isLinkLocal(address))
  const preferred = isIpv6(bind) ? 'IPv6' : 'IPv4'
  const best = found.find(({ family }) => family === preferred) ?? found[0]
  return best?.address ?? (isIpv6(bind) ? '::1' : '127.0.0.1')
}

/** What a certificate of our own making is valid for when we listen there, beside what others call us. */
export const localHosts = (bind: string): string[] => [
  ...new Set(['localhost', '127.0.0.1', '::1', ...(isUnspecified(bind) ? [] : [bind])]),
]
