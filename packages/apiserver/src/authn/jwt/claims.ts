/** What every token must say of itself (go-oidc), whoever has issued it. */
import { unverifiedClaims } from '../unverified-token.ts'

/** How far clocks may differ where a token is not valid yet, in seconds. */
const LEEWAY = 300
const GOOGLE = 'accounts.google.com'

const issuerName = (iss: unknown): unknown => (iss === GOOGLE ? `https://${GOOGLE}` : iss)

/** Throws where the token is another issuer's, is meant for nobody of `audiences`, or is not valid `now` (in seconds). */
export function checkClaims(
  { aud, exp, nbf, iss }: Readonly<Record<string, unknown>>,
  url: string,
  audiences: readonly string[],
  now: number,
): void {
  if (issuerName(iss) !== url)
    throw new Error(
      `oidc: id token issued by a different provider, expected ${JSON.stringify(url)} got ${JSON.stringify(iss)}`,
    )
  const own = (Array.isArray(aud) ? aud : [aud]).filter(each => typeof each === 'string')
  if (!own.some(each => audiences.includes(each))) {
    throw new Error(`oidc: expected audience in ${JSON.stringify([...audiences].sort())} got ${JSON.stringify(own)}`)
  }
  if (typeof exp !== 'number' || exp < now) throw new Error('oidc: token is expired')
  if (typeof nbf === 'number' && nbf > now + LEEWAY) {
    throw new Error('oidc: current time is before the nbf (not before) time')
  }
}

/** Reads the issuer without trusting anything, to tell these tokens from others. */
export const untrustedIssuer = (token: string): unknown => issuerName(unverifiedClaims(token)?.iss)
