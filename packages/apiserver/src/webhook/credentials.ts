/** As whom webhooks are called: the users of a kubeconfig, named after hosts (k8s.io/apiserver/pkg/util/webhook/authentication.go). */
import { dirname, resolve } from 'node:path'
import { load } from 'js-yaml'

/** What goes with a call; PEM text. */
export interface WebhookCredentials {
  readonly cert?: string
  readonly key?: string
  readonly headers: Readonly<Record<string, string | readonly string[]>>
}

/** The credentials for `host:port`, where there are any. Throws where they cannot be used. */
export type WebhookCredentialsFor = (host: string) => WebhookCredentials | undefined

type User = Readonly<Record<string, unknown>>

interface Kubeconfig {
  readonly 'current-context'?: string
  readonly contexts?: readonly { readonly name: string; readonly context?: { readonly user?: string } }[] | null
  readonly users?: readonly { readonly name: string; readonly user?: User | null }[] | null
}

/** By the kubeconfig at `path`. Throws where it cannot be read. Its certificates and tokens are read when they are needed. */
export function credentialsByHost(path: string, readFile: (path: string) => string): WebhookCredentialsFor {
  const config = load(readFile(path))
  if (typeof config !== 'object' || config === null) throw new Error(`${path} is no kubeconfig`)
  const { users, contexts, 'current-context': current } = config as Kubeconfig
  const byName = new Map((users ?? []).map(({ name, user }) => [name, user ?? {}]))
  const ofContext = contexts?.find(({ name }) => name === current)?.context?.user
  const read = (file: string): string => readFile(resolve(dirname(path), file))
  return host => {
    const names = [...namesFor(host), ...namesFor(host.replace(/:443$/, '')), '*', ...(ofContext ? [ofContext] : [])]
    const name = names.find(each => byName.has(each))
    return name === undefined ? undefined : credentialsOf(byName.get(name)!, read)
  }
}

/** The host itself, then what it is below: `*.ns.svc:443`, `*.svc:443`. */
function namesFor(host: string): string[] {
  const steps = host.split('.')
  return [host, ...steps.slice(1).map((_, index) => `*.${steps.slice(index + 1).join('.')}`)]
}

function credentialsOf(user: User, read: (file: string) => string): WebhookCredentials {
  const text = (field: string): string => String(user[field] ?? '')
  if (user['auth-provider'] != null) throw new Error('auth provider not supported')
  if (user.exec != null) throw new Error('credentials that a program gives are not supported for webhooks')
  const inline = text('token')
  const file = text('tokenFile')
  const token = file === '' ? inline : read(file).trim()
  const [username, password] = [text('username'), text('password')]
  const isBasic = username !== '' || password !== ''
  if (isBasic && (token !== '' || file !== '')) {
    throw new Error('username/password or bearer token may be set, but not both')
  }
  const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  return {
    ...material(user, 'client-certificate', 'cert', read),
    ...material(user, 'client-key', 'key', read),
    headers: {
      ...(isBasic ? { authorization: basic } : {}),
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...impersonation(user),
    },
  }
}

function material(user: User, field: string, as: 'cert' | 'key', read: (file: string) => string) {
  const data = user[`${field}-data`]
  if (data) return { [as]: Buffer.from(String(data), 'base64').toString() }
  return user[field] ? { [as]: read(String(user[field])) } : {}
}

function impersonation(user: User): WebhookCredentials['headers'] {
  const { as, 'as-uid': uid, 'as-groups': groups, 'as-user-extra': extra } = user
  if (!as) return {}
  return {
    'impersonate-user': String(as),
    ...(uid ? { 'impersonate-uid': String(uid) } : {}),
    ...(Array.isArray(groups) ? { 'impersonate-group': groups.map(String) } : {}),
    ...Object.fromEntries(
      Object.entries((extra ?? {}) as Record<string, string[]>).map(([key, values]) => [
        `impersonate-extra-${encodeURIComponent(key)}`,
        values,
      ]),
    ),
  }
}
