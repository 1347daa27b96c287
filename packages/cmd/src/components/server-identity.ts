import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { uuid } from '@canopus/base'
import { systemRandom } from '@canopus/platform'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** As what an API server of this machine says that it is there (cmd/kube-apiserver, apiserver identity). */
export function serverIdentity(): { name: string; hostname: string; holder: string } {
  const host = hostname().toLowerCase()
  const name = `apiserver-${base32(createHash('sha256').update(host).digest().subarray(0, 16))}`
  return { name, hostname: host, holder: `${name}_${uuid(systemRandom)}` }
}

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map(byte => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map(group => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)]).join('')
}
