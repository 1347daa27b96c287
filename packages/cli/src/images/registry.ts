import { createServer, type Server } from 'node:http'
import { type ImageStore, readBlob, readReferences } from './image-store.ts'

/** Where images without a registry in their name come from. */
const DEFAULT_REGISTRY = 'docker.io'
const DIGEST = /^sha256:[0-9a-f]{64}$/
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

interface Reply {
  status: number
  type: string
  body: Buffer
  digest?: string
}

/**
 * A read-only registry (OCI distribution-spec, pull) over an image store. As a mirror it is told by `?ns=` which registry an
 * image belongs to.
 */
export function createRegistry(store: ImageStore): Server {
  return createServer((request, response) => {
    const reply = replyTo(store, request.method ?? 'GET', request.url ?? '/')
    response.writeHead(reply.status, {
      'content-type': reply.type,
      'content-length': reply.body.length,
      'docker-distribution-api-version': 'registry/2.0',
      ...(reply.digest === undefined ? {} : { 'docker-content-digest': reply.digest }),
    })
    response.end(request.method === 'HEAD' ? undefined : reply.body)
  })
}

/** What the registry answers to a request. */
export function replyTo(store: ImageStore, method: string, path: string): Reply {
  if (method !== 'GET' && method !== 'HEAD') return failure(405, 'UNSUPPORTED', 'this registry is read-only')
  const url = new URL(path, 'http://registry')
  if (url.pathname === '/v2/' || url.pathname === '/v2') return json({})
  const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(decodeURIComponent(url.pathname))
  if (!match) return failure(404, 'NAME_UNKNOWN', 'repository name not known to registry')
  const name = `${url.searchParams.get('ns') ?? DEFAULT_REGISTRY}/${match[1]}`
  if (match[2] === 'manifests') return manifest(store, name, match[3]!)
  if (match[2] === 'blobs') return blob(store, match[3]!)
  return tags(store, name, match[1]!)
}

function manifest(store: ImageStore, name: string, reference: string): Reply {
  const digest = DIGEST.test(reference) ? reference : readReferences(store)[`${name}:${reference}`]
  const body = digest === undefined ? undefined : readBlob(store, digest)
  if (digest === undefined || body === undefined) {
    return failure(404, 'MANIFEST_UNKNOWN', `manifest unknown: ${name}:${reference}`)
  }
  return { status: 200, type: MANIFEST, body, digest }
}

function blob(store: ImageStore, digest: string): Reply {
  const body = readBlob(store, digest)
  if (body === undefined) return failure(404, 'BLOB_UNKNOWN', 'blob unknown to registry')
  return { status: 200, type: 'application/octet-stream', body, digest }
}

function tags(store: ImageStore, name: string, repository: string): Reply {
  const known = Object.keys(readReferences(store)).filter(each => each.startsWith(`${name}:`))
  return json({ name: repository, tags: known.map(each => each.slice(name.length + 1)) })
}

function json(value: unknown, status = 200): Reply {
  return { status, type: 'application/json', body: Buffer.from(JSON.stringify(value)) }
}

function failure(status: number, code: string, message: string): Reply {
  return json({ errors: [{ code, message }] }, status)
}
