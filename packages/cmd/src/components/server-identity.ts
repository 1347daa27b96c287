import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { uuid } from '@canopus/base'
import { systemRandom } from '@canopus/platform'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** As what an API server of this machine says that it is there. */
export function serverIdentity(): { name: string; hostname: string; holder: string } {
  const host = hostname()
  const name = identityName(host)
  return { name, hostname: host.toLowerCase(), holder: `${name}_${uuid(systemRandom)}` }
}

/** The same for a machine after each restart (k8s.io/apiserver/pkg/server/config.go, NewConfig). */
export function identityName(host: string): string {
  const hash = createHash('sha256')
  for (const text of [host, 'kube-apiserver']) {
    const bytes = Buffer.from(text)
    hash.update(Buffer.of(bytes.length >> 8, bytes.length & 255)).update(bytes)
  }
  return `apiserver-${base32(hash.digest().subarray(0, 16))}`
}

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map(group => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)]).join('')
}
