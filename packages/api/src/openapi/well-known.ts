import type { PathItem } from './types.ts'

/** The documents by which others check tokens of service accounts (kube-openapi's routes of pkg/routes/openidmetadata.go). */
export const WELL_KNOWN_PATHS: readonly PathItem[] = [
  documentPath({
    path: '/.well-known/openid-configuration/',
    id: 'getServiceAccountIssuerOpenIDConfiguration',
    description: "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'",
    tag: 'WellKnown',
    mediaType: 'application/json',
  }),
  documentPath({
    path: '/openid/v1/jwks/',
    id: 'getServiceAccountIssuerOpenIDKeyset',
    description: 'get service account issuer OpenID JSON Web Key Set (contains public token verification keys)',
    tag: 'openid',
    mediaType: 'application/jwk-set+json',
  }),
]

interface Document {
  readonly path: string
  readonly id: string
  readonly description: string
  readonly tag: string
  readonly mediaType: string
}

function documentPath({ path, id, description, tag, mediaType }: Document): PathItem {
  const operation = { method: 'get', id, description, tag } as const
  return {
    path,
    parameters: [],
    operations: [{ ...operation, parameters: [], consumes: [], produces: [mediaType], responses: [[200, 'string']] }],
  }
}
