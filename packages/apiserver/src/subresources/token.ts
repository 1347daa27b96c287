/** `serviceaccounts/token`: a bound token from the issuer. */
import { writeZerosOf } from '@canopus/api'
import type { TokenRequest } from '@canopus/api/authentication/v1'
import type { ServiceAccount } from '@canopus/api/core/v1'
import { invalid, invalidError, type KubeObject, serviceUnavailableError } from '@canopus/apimachinery'
import { DEFAULT_TOKEN_SECONDS } from '../authn/service-account-issuer.ts'
import { unverifiedClaims } from '../authn/unverified-token.ts'
import { decodeBody } from '../encoding/body.ts'
import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import { matchNamespace } from '../registry/create.ts'
import { type Endpoint, writeCallOf } from '../registry/endpoint.ts'
import { readBytes } from '../registry/handler-events.ts'
import { trackAnswer } from '../registry/owners.ts'
import { objectResponse } from '../registry/respond.ts'
import type { SubresourceContext } from './subresource.ts'

const TOKEN_REQUEST = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenRequest',
  message: 'authentication.v1.TokenRequest',
}

export async function serveToken(context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  const { namespace, name } = call.info
  const { options, write } = writeCallOf(call, 'CreateOptions')
  const { headers } = call.request
  const body = await readBytes(call.request)
  const request = decodeBody<TokenRequest>(body, headers, TOKEN_REQUEST, options.fieldValidation, call.warnings)
  call.audit?.requestObject(request, { ...TOKEN_REQUEST, complete: completeRequest })
  const { store } = endpoint
  request.metadata ??= {} as TokenRequest['metadata']
  matchNamespace(store, namespace, request.metadata)
  completeRequest(request as KubeObject)
  trackAnswer(TOKEN_REQUEST, write, request as KubeObject, store.context.clock.now())
  const target = {
    kind: endpoint.kind,
    operation: 'CREATE' as const,
    namespace,
    name,
    object: request,
    oldObject: undefined,
    objectKind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
  }
  await store.context.admission.mutate(write, target)
  checkPlace(request, namespace, name)
  const account = store.view(await store.get(namespace, name)) as ServiceAccount
  if (context.tokenIssuer === undefined) throw serviceUnavailableError('this server issues no tokens')
  warnOfOther(context, account, target.object, call)
  target.object = context.tokenIssuer.complete(account, target.object)
  await store.context.admission.validate(write, target)
  const answer = await context.tokenIssuer.issue(account, target.object, text => call.warnings.push(text))
  const jti = call.audit && idOfToken(answer.status?.token ?? '')
  if (jti !== undefined) call.audit?.annotate('authentication.kubernetes.io/issued-credential-id', `JTI=${jti}`)
  const { kind, apiVersion } = TOKEN_REQUEST
  return objectResponse(call.request, 201, { kind, apiVersion, ...answer })
}

/** Where that is no error, whoever means another account by the same name is told of it. */
function warnOfOther(
  { featureGates }: SubresourceContext,
  { metadata }: ServiceAccount,
  { metadata: asked }: TokenRequest,
  { warnings }: Call,
): void {
  const gate = 'TokenRequestServiceAccountUIDValidation'
  if (featureGates.enabled(gate) || !asked?.uid || asked.uid === metadata.uid) return
  warnings.push(
    `the UID in the token request (${asked.uid}) does not match the UID of the service account (${metadata.uid}) but ${gate} is not enabled. In the future, this will return a conflict error`,
  )
}

/** As decoding leaves it (pkg/apis/authentication/v1/defaults.go). */
function completeRequest(object: KubeObject): void {
  writeZerosOf(TOKEN_REQUEST.message, object, false)
  const { spec } = object as TokenRequest
  spec.expirationSeconds ??= DEFAULT_TOKEN_SECONDS
}

/** The body may say whose token is asked for, but no other than the path does. Throws StatusError 422. */
function checkPlace({ metadata }: TokenRequest, namespace: string, name: string): void {
  const differs = (field: 'name' | 'namespace', url: string): void => {
    const own = metadata?.[field]
    if (!own || own === url) return
    const error = invalid(`metadata.${field}`, own, `must match the service account ${field} if specified`)
    throw invalidError({ group: 'authentication.k8s.io', resource: 'TokenRequest', name }, [error])
  }
  differs('name', name)
  differs('namespace', namespace)
}

/** The token's own name for itself, by which its later requests are known. */
const idOfToken = (token: string): string | undefined => unverifiedClaims(token)?.jti as string | undefined
