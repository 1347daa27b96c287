/**
 * Signs `cluster-info` in `kube-public` with every bootstrap token, so that who joins with a token knows whom it talks to
 * (kubernetes pkg/controller/bootstrap/bootstrapsigner.go). Whoever sets the cluster up makes the config map itself.
 */
import { ConfigMaps, Secrets } from '@canopus/api'
import type { ConfigMap, Secret } from '@canopus/api/core/v1'
import { hasReason, toBase64 } from '@canopus/apimachinery'
import { hmacSha256 } from '@canopus/base'
import { type Controller, type ControllerContext, defineController, on } from '@canopus/operator'
import { expiryOf } from './token-cleaner.ts'

const NAMESPACE = 'kube-public'
const NAME = 'cluster-info'
const CONTENT = 'kubeconfig'
const PREFIX = 'jws-kubeconfig-'
const TOKEN_NAME = /^bootstrap-token-([a-z0-9]{6})$/

const isToken = ({ metadata, type }: Secret): boolean =>
  metadata.namespace === 'kube-system' && type === 'bootstrap.kubernetes.io/token'

const isClusterInfo = ({ metadata }: ConfigMap): boolean => metadata.namespace === NAMESPACE && metadata.name === NAME

/** A signature of `content` without the content (RFC 7515 appendix F). */
export function detachedSignature(content: string, id: string, secret: string): string {
  const header = base64url(new TextEncoder().encode(JSON.stringify({ alg: 'HS256', kid: id })))
  const payload = base64url(new TextEncoder().encode(content))
  return `${header}..${base64url(hmacSha256(secret, `${header}.${payload}`))}`
}

const base64url = (bytes: Uint8Array): string =>
  toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

/** The id and secret of a token that may sign at `now`, if it may. */
export function signingToken(secret: Secret, now: number): { id: string; secret: string } | undefined {
  const text = (key: string): string => atob(secret.data?.[key] ?? '')
  const id = TOKEN_NAME.exec(secret.metadata.name)?.[1]
  if (id === undefined || text('token-id') !== id || text('token-secret') === '') return undefined
  if (text('usage-bootstrap-signing') !== 'true' || (expiryOf(secret) ?? Number.POSITIVE_INFINITY) <= now)
    return undefined
  return { id, secret: text('token-secret') }
}

/** The data with the signatures of these tokens and no others; nothing where they are there already. */
export function planSignatures(
  data: Readonly<Record<string, string>>,
  secrets: readonly Secret[],
  now: number,
): Record<string, string> | undefined {
  const content = data[CONTENT]
  if (content === undefined) return undefined
  const signed = Object.fromEntries(Object.entries(data).filter(([key]) => !key.startsWith(PREFIX)))
  for (const each of secrets) {
    const token = signingToken(each, now)
    if (token) signed[PREFIX + token.id] ??= detachedSignature(content, token.id, token.secret)
  }
  const keys = Object.keys(signed)
  const isSame = keys.length === Object.keys(data).length && keys.every(key => data[key] === signed[key])
  return isSame ? undefined : signed
}

export function createBootstrapSigner(context: ControllerContext): Controller {
  const secrets = context.informers.informer(Secrets)
  const maps = context.informers.informer(ConfigMaps)
  return defineController(context, {
    name: 'bootstrap-signer-controller',
    workers: 1,
    triggers: [
      on(ConfigMaps, ({ object, deleted }, enqueue) => {
        if (!deleted && isClusterInfo(object)) enqueue(NAME)
      }),
      on(Secrets, ({ object }, enqueue) => {
        if (isToken(object)) enqueue(NAME)
      }),
    ],
    async reconcile() {
      const info = maps.lister.get(NAME, NAMESPACE)
      if (info === undefined) return undefined
      const tokens = secrets.lister.list('kube-system').filter(isToken)
      const data = planSignatures(info.data ?? {}, tokens, context.clock.now())
      if (data === undefined) return undefined
      try {
        await context.client.resource(ConfigMaps).update({ ...info, data })
      } catch (error) {
        // What is there now comes through the informer.
        if (!hasReason(error, 'Conflict') && !hasReason(error, 'NotFound')) throw error
      }
      return undefined
    },
  })
}
