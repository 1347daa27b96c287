import type { Security } from '../security.ts'
import type { ServiceAccountKeys } from './service-account-keys.ts'

/** What other systems need to check our service-account tokens: OpenID discovery and the public keys. */
export function discoveryDocuments(
  issuer: string,
  keys: ServiceAccountKeys,
  jwksUri = `${issuer.replace(/\/$/, '')}/openid/v1/jwks`,
): NonNullable<Security['documents']> {
  const configuration = () => ({
    issuer,
    jwks_uri: jwksUri,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [...keys.algorithms],
  })
  const maxAge = (): number => keys.maxAge?.() ?? 3600
  return new Map([
    [
      '/.well-known/openid-configuration',
      { contentType: 'application/json', maxAge, body: () => JSON.stringify(configuration()) },
    ],
    [
      '/openid/v1/jwks',
      { contentType: 'application/jwk-set+json', maxAge, body: async () => JSON.stringify(await keys.keySet()) },
    ],
  ])
}
