import { timingSafeEqual } from 'node:crypto'
import { Secrets } from '@canopus/api'
import type { Authentication, ObjectReader } from '../security.ts'
import type { TokenAuthenticator } from './bearer.ts'
import { InvalidCredentialError } from './client-certificate.ts'

const FORM = /^([a-z0-9]{6})\.([a-z0-9]{16})$/
const GROUPS_FORM = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/

/**
 * Bootstrap tokens, with which new nodes ask for their certificate: `<id>.<secret>`, kept in the secret
 * `kube-system/bootstrap-token-<id>` (plugin/pkg/auth/authenticator/token/bootstrap).
 */
export function bootstrapTokens(objects: ObjectReader, now: () => number): TokenAuthenticator {
  return { authenticateToken: token => authenticate(token, objects, now()) }
}

function authenticate(token: string, objects: ObjectReader, now: number): Authentication | undefined {
  const [, id, secret] = FORM.exec(token) ?? []
  if (id === undefined || secret === undefined) return undefined
  const stored = objects.get(Secrets, `bootstrap-token-${id}`, 'kube-system')
  if (stored === undefined || stored.metadata.deletionTimestamp !== undefined) return undefined
  if (stored.type !== 'bootstrap.kubernetes.io/token') return undefined
  const value = (key: string): string => Buffer.from(stored.data?.[key] ?? '', 'base64').toString('utf8')
  if (value('token-id') !== id || !sameText(value('token-secret'), secret)) return undefined
  const expiration = value('expiration')
  if (expiration !== '' && !(Date.parse(expiration) > now)) return undefined
  if (value('usage-bootstrap-authentication') !== 'true') return undefined
  const extra = value('auth-extra-groups')
    .split(',')
    .filter(group => group !== '')
  const wrong = extra.find(group => !GROUPS_FORM.test(group))
  if (wrong !== undefined) throw new InvalidCredentialError(`bootstrap group ${JSON.stringify(wrong)} is invalid`)
  return { user: { name: `system:bootstrap:${id}`, groups: [...new Set(['system:bootstrappers', ...extra])] } }
}

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}
