import type { Secret } from '@canopus/api/core/v1'
import type { AuthConfig } from '@canopus/cri'
import { registryOf } from './reference.ts'

interface DockerAuth {
  username?: string
  password?: string
  auth?: string
}

/** What a pod's pull secrets say for an image's registry; several secrets may do. Malformed ones are passed over. */
export function credentialsFor(image: string, secrets: readonly Secret[]): AuthConfig[] {
  const registry = registryOf(image)
  return secrets.flatMap(secret =>
    Object.entries(authsOf(secret))
      .filter(([server]) => hostOf(server) === registry && pathMatches(server, image))
      .map(([serverAddress, auth]) => toAuthConfig(serverAddress, auth)),
  )
}

function authsOf(secret: Secret): Record<string, DockerAuth> {
  const modern = secret.data?.['.dockerconfigjson']
  const legacy = secret.data?.['.dockercfg']
  try {
    if (modern !== undefined) return JSON.parse(Buffer.from(modern, 'base64').toString()).auths ?? {}
    if (legacy !== undefined) return JSON.parse(Buffer.from(legacy, 'base64').toString())
  } catch {
    // not JSON: no credentials in it
  }
  return {}
}

function hostOf(server: string): string {
  const host = server.replace(/^https?:\/\//, '').split('/')[0]!
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host
}

/** A credential may be for part of a registry: `quay.io/team`. */
function pathMatches(server: string, image: string): boolean {
  const path = server
    .replace(/^https?:\/\//, '')
    .split('/')
    .slice(1)
    .join('/')
  if (path === '' || /^v[12]\/?$/.test(path)) return true
  return image.startsWith(`${hostOf(server)}/${path}`)
}

function toAuthConfig(serverAddress: string, auth: DockerAuth): AuthConfig {
  if (auth.username !== undefined) return { username: auth.username, password: auth.password ?? '', serverAddress }
  const [username = '', ...password] = Buffer.from(auth.auth ?? '', 'base64')
    .toString()
    .split(':')
  return { username, password: password.join(':'), serverAddress }
}
