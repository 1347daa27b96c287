/**
 * An extension API server in a few lines, for tests of aggregation: `flunders` of `wardle.example.com/v1alpha1` over HTTPS,
 * with discovery, OpenAPI, a watch, and an upgrade that echoes. It lets in whoever has the front proxy's certificate.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { KubeObject } from '@canopus/apimachinery'
import type { CertifiedKey } from '@canopus/platform'

export const GROUP = 'wardle.example.com'
export const VERSION = 'v1alpha1'
const API_VERSION = `${GROUP}/${VERSION}`
const COLLECTION = new RegExp(`^/apis/${GROUP}/${VERSION}(?:/namespaces/([^/]+))?/flunders(?:/([^/]+))?$`)

export interface ExtensionServerOptions {
  readonly serving: CertifiedKey
  readonly frontProxyCa: string
  readonly port?: number
  /** Whether it knows aggregated discovery and OpenAPI v3; true where missing. */
  readonly modern?: boolean
}

export interface Seen {
  readonly line: string
  readonly headers: Readonly<Record<string, readonly string[] | undefined>>
}

export interface ExtensionServer {
  readonly port: number
  /** All requests so far, in order. */
  readonly seen: Seen[]
  readonly flunders: Map<string, KubeObject>
  stop(): Promise<void>
}

export function startExtensionServer(options: ExtensionServerOptions): Promise<ExtensionServer> {
  const { serving, frontProxyCa, port = 0, modern = true } = options
  const state: State = { seen: [], flunders: new Map(), watchers: new Set(), revision: 1, modern }
  const sockets = new Set<Duplex>()
  const server: Server = createServer({
    key: serving.key,
    cert: serving.certificate,
    ca: frontProxyCa,
    requestCert: true,
    rejectUnauthorized: false,
  })
  server.on('secureConnection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  server.on('request', (message, out) => {
    note(state, message)
    void answer(state, message, out)
  })
  server.on('upgrade', (message, socket) => {
    note(state, message)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    socket.pipe(socket)
    socket.on('error', () => {})
  })
  return new Promise(resolve => {
    server.listen(port, 'localhost', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        seen: state.seen,
        flunders: state.flunders,
        stop: () =>
          new Promise(done => {
            server.close(() => done())
            for (const socket of sockets) socket.destroy()
          }),
      }),
    )
  })
}

interface State {
  readonly seen: Seen[]
  readonly flunders: Map<string, KubeObject>
  readonly watchers: Set<ServerResponse>
  readonly modern: boolean
  revision: number
}

function note(state: State, message: IncomingMessage): void {
  state.seen.push({ line: `${message.method} ${message.url}`, headers: message.headersDistinct })
}

async function answer(state: State, message: IncomingMessage, out: ServerResponse): Promise<void> {
  if (!(message.socket as TLSSocket).authorized) return json(out, 401, status(401, 'Unauthorized'))
  const { pathname, searchParams } = new URL(message.url ?? '/', 'https://localhost')
  const document = documentOf(state, message, pathname)
  if (document !== undefined) return json(out, 200, document.body, document.contentType)
  const match = COLLECTION.exec(pathname)
  if (pathname.endsWith('/elsewhere')) return void out.writeHead(302, { location: 'https://example.com/' }).end()
  if (match === null) return json(out, 404, status(404, 'NotFound'))
  const [, namespace = '', name] = match
  if (message.method === 'POST') return create(state, namespace, JSON.parse(await read(message)), out)
  if (name !== undefined) {
    const found = state.flunders.get(`${namespace}/${name}`)
    return found === undefined ? json(out, 404, status(404, 'NotFound')) : json(out, 200, found)
  }
  if (searchParams.get('watch') === 'true') {
    out.writeHead(200, { 'content-type': 'application/json' })
    out.flushHeaders()
    state.watchers.add(out)
    return
  }
  const items = [...state.flunders.values()].filter(each => !namespace || each.metadata.namespace === namespace)
  json(out, 200, {
    kind: 'FlunderList',
    apiVersion: API_VERSION,
    metadata: { resourceVersion: String(state.revision) },
    items,
  })
}

function create(state: State, namespace: string, object: KubeObject, out: ServerResponse): void {
  const resourceVersion = String(++state.revision)
  const metadata = { ...object.metadata, namespace, resourceVersion, uid: `uid-${resourceVersion}` }
  const created = { ...object, metadata }
  state.flunders.set(`${namespace}/${metadata.name}`, created)
  for (const watcher of state.watchers) watcher.write(`${JSON.stringify({ type: 'ADDED', object: created })}\n`)
  json(out, 201, created)
}

const KIND = { group: GROUP, version: VERSION, kind: 'Flunder' }
const VERBS = ['create', 'get', 'list', 'watch']

interface Document {
  readonly body: unknown
  readonly contentType?: string
}

function documentOf({ modern }: State, message: IncomingMessage, path: string): Document | undefined {
  const aggregated = modern && (message.headers.accept ?? '').includes('as=APIGroupDiscoveryList')
  switch (path) {
    case '/apis':
      return aggregated
        ? { body: AGGREGATED, contentType: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' }
        : { body: { kind: 'APIGroupList', apiVersion: 'v1', groups: [] } }
    case `/apis/${API_VERSION}`:
      return {
        body: {
          kind: 'APIResourceList',
          apiVersion: 'v1',
          groupVersion: API_VERSION,
          resources: [
            {
              name: 'flunders',
              singularName: 'flunder',
              namespaced: true,
              kind: 'Flunder',
              verbs: VERBS,
              shortNames: ['fl'],
            },
            { name: 'flunders/status', singularName: '', namespaced: true, kind: 'Flunder', verbs: ['get'] },
          ],
        },
      }
    case '/openapi/v2':
      return {
        body: { swagger: '2.0', info: { title: 'wardle', version: '1' }, paths: SWAGGER_PATHS, definitions: SCHEMAS },
      }
    case '/openapi/v3':
      return modern
        ? {
            body: {
              paths: { [`apis/${API_VERSION}`]: { serverRelativeURL: `/openapi/v3/apis/${API_VERSION}?hash=1` } },
            },
          }
        : undefined
    case `/openapi/v3/apis/${API_VERSION}`:
      return modern ? { body: OPENAPI_V3 } : undefined
    default:
      return undefined
  }
}

const AGGREGATED = {
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: [
    {
      metadata: { name: GROUP },
      versions: [
        {
          version: VERSION,
          resources: [
            {
              resource: 'flunders',
              responseKind: KIND,
              scope: 'Namespaced',
              singularResource: 'flunder',
              verbs: VERBS,
              shortNames: ['fl'],
              subresources: [{ subresource: 'status', responseKind: KIND, verbs: ['get'] }],
            },
          ],
          freshness: 'Current',
        },
      ],
    },
  ],
}

const NAME = 'com.example.wardle.v1alpha1.Flunder'
const SCHEMAS = {
  [NAME]: {
    type: 'object',
    description: 'A flunder is there to be listed.',
    properties: { spec: { type: 'object', description: 'What it refers to.' } },
    'x-kubernetes-group-version-kind': [KIND],
  },
}
const PATH = `/apis/${API_VERSION}/namespaces/{namespace}/flunders`
const SWAGGER_PATHS = {
  [PATH]: {
    post: {
      consumes: ['application/json'],
      produces: ['application/json'],
      parameters: [{ name: 'body', in: 'body', required: true, schema: { $ref: `#/definitions/${NAME}` } }],
      responses: { 201: { description: 'Created', schema: { $ref: `#/definitions/${NAME}` } } },
      'x-kubernetes-group-version-kind': KIND,
    },
  },
  '/version/': { get: { responses: { 200: { description: 'OK' } } } },
}
const OPENAPI_V3 = {
  openapi: '3.0.0',
  info: { title: 'wardle', version: '1' },
  paths: {
    [PATH]: { post: { responses: { 201: { description: 'Created' } }, 'x-kubernetes-group-version-kind': KIND } },
  },
  components: { schemas: SCHEMAS },
}

function status(code: number, reason: string): unknown {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: reason, reason, code }
}

function json(out: ServerResponse, code: number, body: unknown, contentType = 'application/json'): void {
  out.writeHead(code, { 'content-type': contentType }).end(JSON.stringify(body))
}

async function read(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
