/** Ranges of ports (k8s.io/apimachinery/pkg/util/net/port_range.go). */
import { InvalidArgumentError } from 'commander'

export interface PortRange {
  readonly from: number
  readonly to: number
}

/** `30000-32767`, both ends included; `30000+2767`; or one port. Throws InvalidArgumentError in upstream's words. */
export function portRange(given: string): PortRange {
  const text = given.trim()
  const isSum = text.includes('+')
  if (isSum && text.includes('-')) throw new InvalidArgumentError(`unable to parse port range: ${text}`)
  const at = text.search(/[-+]/)
  const from = port(at < 0 ? text : text.slice(0, at))
  const last = at < 0 ? from : port(text.slice(at + 1))
  const to = isSum ? from + last : last
  if (from > 65_535 || to > 65_535)
    throw new InvalidArgumentError(`the port range cannot be greater than 65535: ${text}`)
  if (to < from) throw new InvalidArgumentError(`end port cannot be less than start port: ${text}`)
  return { from, to }
}

function port(text: string): number {
  if (/^\+?\d+$/.test(text)) return Number(text)
  throw new InvalidArgumentError(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
}
