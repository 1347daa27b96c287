import { invalid, parseIp } from '@canopus/apimachinery'
import type { Errors } from './check.ts'

/** Addresses that make no sense as a destination in a cluster: unspecified, loopback, link-local. */
export function checkNonSpecialIp(errors: Errors, field: string, text: string): void {
  const bytes = parseIp(text)
  if (bytes === undefined) {
    errors.push(invalid(field, text, 'must be a valid IP address'))
    return
  }
  const [first = 0, second = 0] = bytes
  const v4 = bytes.length === 4
  const bad = (why: string): void => {
    errors.push(invalid(field, text, why))
  }
  if (bytes.every(byte => byte === 0)) bad(`may not be unspecified (${text})`)
  const isOne = !v4 && bytes.slice(0, 15).every(byte => byte === 0) && bytes[15] === 1
  if (v4 ? first === 127 : isOne) bad('may not be in the loopback range (127.0.0.0/8, ::1/128)')
  if (v4 ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80) {
    bad('may not be in the link-local range (169.254.0.0/16, fe80::/10)')
  }
  if (v4 ? first === 224 && second === 0 && bytes[2] === 0 : first === 0xff && (second & 0x0f) === 2) {
    bad('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')
  }
}
