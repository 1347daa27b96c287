import { isIP } from 'node:net'

/** Subject of a certificate or request, in the parts that Kubernetes reads (user = CN, groups = O). */
export interface Subject {
  commonName: string
  organizations: string[]
  /** Kubernetes' own attribute (1.3.6.1.4.1.57683.2), as often as it is there; missing where it is not. */
  uids?: string[]
}

/** Names that a certificate is valid for. */
export interface AlternativeNames {
  dnsNames: string[]
  /** IPv4 and IPv6 addresses in their text form. */
  addresses: string[]
  emails: string[]
  uris: string[]
}

/** The text, where an IA5String can hold it. Throws where it cannot. */
export function ascii(text: string): string {
  if (/[^\0-\x7f]/.test(text)) throw malformed(`${JSON.stringify(text)} cannot be an IA5String`)
  return text
}

export const malformed = (detail: string): Error => new Error(`malformed: ${detail}`)

/** Key usages by the names of the certificates.k8s.io API (`digital signature`, `server auth`, ...). */
export type KeyUsage = (typeof KEY_USAGES)[number] | (typeof EXTENDED_KEY_USAGES)[number][0]

/** Bits of the key usage extension, in their order (RFC 5280, section 4.2.1.3). */
export const KEY_USAGES = [
  'digital signature',
  'content commitment',
  'key encipherment',
  'data encipherment',
  'key agreement',
  'cert sign',
  'crl sign',
  'encipher only',
  'decipher only',
] as const

/** Extended key usages and their object identifiers. */
export const EXTENDED_KEY_USAGES = [
  ['any', '2.5.29.37.0'],
  ['server auth', '1.3.6.1.5.5.7.3.1'],
  ['client auth', '1.3.6.1.5.5.7.3.2'],
  ['code signing', '1.3.6.1.5.5.7.3.3'],
  ['email protection', '1.3.6.1.5.5.7.3.4'],
  ['ipsec end system', '1.3.6.1.5.5.7.3.5'],
  ['ipsec tunnel', '1.3.6.1.5.5.7.3.6'],
  ['ipsec user', '1.3.6.1.5.5.7.3.7'],
  ['timestamping', '1.3.6.1.5.5.7.3.8'],
  ['ocsp signing', '1.3.6.1.5.5.7.3.9'],
  ['microsoft sgc', '1.3.6.1.4.1.311.10.3.3'],
  ['netscape sgc', '2.16.840.1.113730.4.1'],
] as const

/** Other words for the same usage (certificates.k8s.io calls `s/mime` what is also email protection). */
const SYNONYMS: Readonly<Record<string, KeyUsage>> = { signing: 'digital signature', 's/mime': 'email protection' }

/** Splits usages into the bits and the object identifiers of the two extensions. Throws for a usage nobody knows. */
export function splitUsages(usages: readonly string[]): { bits: number; extended: string[] } {
  let bits = 0
  const extended: string[] = []
  for (const word of usages) {
    const usage = SYNONYMS[word] ?? word
    const bit = KEY_USAGES.indexOf(usage as (typeof KEY_USAGES)[number])
    const oid = EXTENDED_KEY_USAGES.find(([name]) => name === usage)?.[1]
    if (bit >= 0) bits |= 1 << bit
    else if (oid === undefined) throw new Error(`unrecognized key usage ${JSON.stringify(word)}`)
    else if (!extended.includes(oid)) extended.push(oid)
  }
  return { bits, extended }
}

/** The usages behind the two extensions. */
export function joinUsages(bits: number, extended: readonly string[]): string[] {
  return [
    ...KEY_USAGES.filter((_, bit) => (bits & (1 << bit)) !== 0),
    ...EXTENDED_KEY_USAGES.filter(([, oid]) => extended.includes(oid)).map(([name]) => name),
  ]
}

/** Splits a list of host names and IP addresses into the two kinds of alternative names, without repeating any. */
export function splitHosts(hosts: readonly string[]): { dnsNames: string[]; addresses: string[] } {
  const all = [...new Set(hosts)]
  return { dnsNames: all.filter(host => isIP(host) === 0), addresses: all.filter(host => isIP(host) !== 0) }
}

/** The usual short form of an IPv6 address, which Node shows at full length and others with dots at its end. */
export function shortAddress(address: string): string {
  return address.includes(':') ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address
}
