/** What a TLS port agrees to (k8s.io/component-base/cli/flag/ciphersuites_flag.go, k8s.io/apiserver/pkg/server/options/serving.go). */
import { Failure } from '@canopus/cli'
import type { TlsPolicy } from '@canopus/platform'
import type { Command } from 'commander'
import { given, list } from '../flags.ts'

export interface TlsFlags {
  tlsMinVersion?: string
  tlsCipherSuites?: string[]
  tlsCurvePreferences?: string[]
}

const VERSIONS: Readonly<Record<string, NonNullable<TlsPolicy['minVersion']>>> = {
  VersionTLS10: 'TLSv1',
  VersionTLS11: 'TLSv1.1',
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
}

/** Those of TLS 1.3, which are always agreed to, as with Go. */
const TLS13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

/** Names of IANA and those of OpenSSL, of the suites that Go has. */
const SUITES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(TLS13.map(name => [name, name])),
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: 'ECDHE-ECDSA-RC4-SHA',
  TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: 'ECDHE-RSA-DES-CBC3-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_RC4_128_SHA: 'ECDHE-RSA-RC4-SHA',
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: 'DES-CBC3-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_RC4_128_SHA: 'RC4-SHA',
}

/** Numbers of TLS's registry of groups, and the names of OpenSSL. */
const CURVES: Readonly<Record<string, string>> = {
  23: 'prime256v1',
  24: 'secp384r1',
  25: 'secp521r1',
  29: 'X25519',
  4587: 'SecP256r1MLKEM768',
  4588: 'X25519MLKEM768',
  4589: 'SecP384r1MLKEM1024',
}

export function addTlsFlags(command: Command): void {
  const text = (value: string): string => value
  command
    .option(
      '--tls-min-version <version>',
      `lowest version of TLS: ${Object.keys(VERSIONS).join(', ')}`,
      checked(text, tlsMinVersion => ({ tlsMinVersion })),
    )
    .option(
      '--tls-cipher-suites <names>',
      'cipher suites before TLS 1.3, by their names of IANA',
      checked(list, tlsCipherSuites => ({ tlsCipherSuites })),
    )
    .option(
      '--tls-curve-preferences <numbers>',
      'key exchanges, by their numbers of IANA',
      checked(list, tlsCurvePreferences => ({ tlsCurvePreferences })),
    )
}

/** A wrong flag is refused before anything is done; a configuration file's values come only later. */
const checked =
  <T>(parse: (text: string) => T, flags: (value: T) => TlsFlags) =>
  (text: string): T => {
    const value = parse(text)
    tlsPolicy(flags(value))
    return value
  }

/** What the flags come to. Throws `Failure` for a name that is none. */
export function tlsPolicy({ tlsMinVersion, tlsCipherSuites, tlsCurvePreferences }: TlsFlags): TlsPolicy {
  const version = (name: string): string => `unknown tls version ${JSON.stringify(name)}`
  const suite = (name: string): string => `Cipher suite ${name} not supported or doesn't exist`
  const curve = (number: string): string =>
    `curve preference ${number} is not supported: known are ${Object.keys(CURVES).join(', ')}`
  const suites = tlsCipherSuites?.map(name => named(SUITES, name, suite))
  return given({
    minVersion: tlsMinVersion === undefined ? undefined : named(VERSIONS, tlsMinVersion, version),
    ciphers: suites && [...new Set([...TLS13, ...suites])].join(':'),
    ecdhCurve: tlsCurvePreferences?.map(number => named(CURVES, number, curve)).join(':'),
  })
}

function named<T>(table: Readonly<Record<string, T>>, name: string, problem: (name: string) => string): T {
  if (!Object.hasOwn(table, name)) throw new Failure(problem(name))
  return table[name]!
}
