/** Who asks, as the front proxy tells an extension API server (k8s.io/client-go/transport SetAuthProxyHeaders). */
import type { User } from '../security.ts'

const EXTRA_PREFIX = 'x-remote-extra-'

/** Whether a header of a client must not reach an extension server: only the front proxy says who asks. */
export function isIdentityHeader(name: string): boolean {
  return (
    name === 'x-remote-user' ||
    name === 'x-remote-uid' ||
    name === 'x-remote-group' ||
    name.startsWith(EXTRA_PREFIX) ||
    name.startsWith('impersonate-') ||
    name === 'authorization'
  )
}

/** The headers that name the user. Values are UTF-8, in the form in which Node writes headers byte for byte. */
export function identityHeaders(user: User): Record<string, string | string[]> {
  const { name, uid, groups, extra } = user
  const headers: Record<string, string | string[]> = { 'x-remote-user': bytes(name) }
  if (uid !== undefined && uid !== '') headers['x-remote-uid'] = bytes(uid)
  if (groups.length > 0) headers['x-remote-group'] = groups.map(bytes)
  for (const [key, values] of Object.entries(extra ?? {})) {
    headers[EXTRA_PREFIX + escapeKey(key)] = values.map(bytes)
  }
  return headers
}

const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** Percent-encodes what may not stand in a header's name, and the percent sign itself. */
function escapeKey(key: string): string {
  let escaped = ''
  for (const byte of Buffer.from(key, 'utf8')) {
    const char = String.fromCharCode(byte)
    escaped += /[!#$&'*+\-.^_`|~0-9A-Za-z]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}
