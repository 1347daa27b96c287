import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { request } from 'node:https'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { APIServices, ClusterRoleBindings, ClusterRoles, Namespaces, Services } from '@canopus/api'
import type { APIService } from '@canopus/api/apiregistration/v1'
import { findCondition } from '@canopus/apimachinery'
import { silentLogger } from '@canopus/base'
import { type Client, createClient } from '@canopus/client'
import { type CertifiedKey, issueCertificate, issueClientCertificate, systemClock } from '@canopus/platform'
import { type ExtensionServer, GROUP, startExtensionServer, VERSION } from '../testing/extension-server.ts'
import { type SecureServer, startSecureServer } from '../testing/secure-server.ts'

const NAME = `${VERSION}.${GROUP}`
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

let server: SecureServer
let client: Client
let serving: CertifiedKey
let extension: ExtensionServer
let jane: CertifiedKey

async function eventually<T>(what: string, probe: () => Promise<T | undefined>): Promise<T> {
  const until = Date.now() + 60_000
  for (;;) {
    const found = await probe()
    if (found !== undefined) return found
    if (Date.now() > until) throw new Error(`never came: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

const available = (reason: string): Promise<APIService> =>
  eventually(`reason ${reason}`, async () => {
    const service = await client.resource(APIServices).get(NAME)
    return findCondition(service.status?.conditions, 'Available')?.reason === reason ? service : undefined
  })

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

function ask(
  path: string,
  options: { user?: CertifiedKey; method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { user = server.admin, method = 'GET', headers = {}, body } = options
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${server.url}${path}`,
      { ca: server.pki.ca.certificate, cert: user.certificate, key: user.key, method, headers, agent: false },
      incoming => {
        let text = ''
        incoming.on('data', chunk => (text += chunk))
        incoming.on('end', () => resolve({ status: incoming.statusCode!, headers: incoming.headers, text }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

before(async () => {
  server = await startSecureServer({ logger: silentLogger })
  client = createClient(server.server.transport({ name: 'admin', groups: ['system:masters'] }))
  serving = await issueCertificate(server.pki.ca, {
    commonName: 'wardle',
    hosts: ['api.wardle.svc'],
    purposes: ['server auth'],
    clock: systemClock,
  })
  extension = await startExtensionServer({ serving, frontProxyCa: server.pki.frontProxyCa.certificate })
  jane = await issueClientCertificate(server.pki.ca, {
    commonName: 'jane',
    organizations: ['dev', 'ops'],
    clock: systemClock,
  })
  await client.resource(Namespaces).create({ metadata: { name: 'wardle' }, spec: {} })
  await client.resource(ClusterRoles).create({
    metadata: { name: 'flunders' },
    rules: [
      { apiGroups: [GROUP], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['get'] },
    ],
  })
  await client.resource(ClusterRoleBindings).create({
    metadata: { name: 'flunders' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'flunders' },
    subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }],
  })
})
after(async () => {
  await extension.stop()
  await server.stop()
})

describe('an APIService', () => {
  it('is there for every group version that is served here', async () => {
    const { items } = await client.resource(APIServices).list()
    const named = (name: string) => items.find(each => each.metadata.name === name)
    assert.equal(named('v1.')?.spec.groupPriorityMinimum, 18000)
    assert.equal(named('v2.autoscaling')?.spec.versionPriority, 30)
    assert.deepEqual(named('v1.apps')?.metadata.labels, { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' })
    assert.equal(findCondition(named('v1.apps')?.status?.conditions, 'Available')?.reason, 'Local')
    assert.equal(named('v1.apiregistration.k8s.io'), undefined)
  })

  it('without a Service behind it is unavailable, and so is its group', async () => {
    await client.resource(APIServices).create({
      metadata: { name: NAME },
      spec: {
        group: GROUP,
        version: VERSION,
        groupPriorityMinimum: 2000,
        versionPriority: 200,
        service: { namespace: 'wardle', name: 'api', port: extension.port },
        caBundle: Buffer.from(server.pki.ca.certificate).toString('base64'),
      },
    })
    const service = await available('ServiceNotFound')
    assert.equal(
      findCondition(service.status?.conditions, 'Available')?.message,
      'service/api in "wardle" is not present',
    )
    const answer = await ask(`/apis/${GROUP}/${VERSION}/flunders`)
    assert.equal(answer.status, 503)
    assert.equal(answer.text, 'service unavailable\n')
    const { items } = JSON.parse((await ask('/apis', { headers: { accept: AGGREGATED } })).text)
    const group = items.find((each: { metadata: { name: string } }) => each.metadata.name === GROUP)
    assert.deepEqual(group.versions, [{ version: VERSION, freshness: 'Stale' }])
  })

  it('becomes available with its Service', async () => {
    await client.resource(Services).create({
      metadata: { name: 'api', namespace: 'wardle' },
      spec: { type: 'ExternalName', externalName: 'localhost' },
    })
    const service = await available('Passed')
    assert.equal(findCondition(service.status?.conditions, 'Available')?.message, 'all checks passed')
  })
})

describe('a request below its group version', () => {
  const PATH = `/apis/${GROUP}/${VERSION}/namespaces/wardle/flunders`

  it('is passed on with the identity of the user and none of their credentials', async () => {
    const headers = {
      authorization: 'Basic c2VjcmV0',
      'x-remote-user': 'root',
      'x-remote-group': 'system:masters',
      'x-remote-extra-power': 'all',
    }
    const answer = await ask(`${PATH}?limit=5`, { user: jane, headers })
    assert.equal(answer.status, 200)
    assert.equal(JSON.parse(answer.text).kind, 'FlunderList')
    const last = extension.seen.findLast(({ line }) => line === `GET ${PATH}?limit=5`)!
    assert.deepEqual(last.headers['x-remote-user'], ['jane'])
    assert.deepEqual(last.headers['x-remote-group'], ['dev', 'ops', 'system:authenticated'])
    assert.equal(last.headers.authorization, undefined)
    assert.equal(last.headers['x-remote-extra-power'], undefined)
    const id = last.headers['x-remote-extra-authentication.kubernetes.io%2Fcredential-id'.toLowerCase()]
    assert.match(id?.[0] ?? '', /^X509SHA256=/)
    assert.deepEqual(last.headers['x-forwarded-for'], ['127.0.0.1'])
  })

  it('is made as whom the user acts', async () => {
    const headers = { 'impersonate-user': 'jöe', 'impersonate-group': 'crew', 'impersonate-uid': 'u1' }
    await ask(`${PATH}/x`, { headers: { ...headers, 'impersonate-user': 'jane' } })
    const last = extension.seen.findLast(({ line }) => line === `GET ${PATH}/x`)!
    assert.deepEqual(last.headers['x-remote-user'], ['jane'])
    assert.deepEqual(last.headers['x-remote-uid'], ['u1'])
    assert.deepEqual(last.headers['x-remote-group'], ['crew', 'system:authenticated'])
    assert.equal(last.headers['impersonate-user'], undefined)
  })

  it('is authorised here first', async () => {
    const joe = await issueClientCertificate(server.pki.ca, { commonName: 'joe', clock: systemClock })
    const answer = await ask(PATH, { user: joe })
    assert.equal(answer.status, 403)
    assert.match(
      answer.text,
      /User \\"joe\\" cannot list resource \\"flunders\\" in API group \\"wardle.example.com\\"/,
    )
  })

  it('streams a watch', async () => {
    const events = new Promise<string>((resolve, reject) => {
      const { certificate: cert, key } = server.admin
      const options = { ca: server.pki.ca.certificate, cert, key, agent: false as const }
      const outgoing = request(`${server.url}${PATH}?watch=true`, options, incoming => {
        incoming.once('data', chunk => {
          resolve(String(chunk))
          outgoing.destroy()
        })
        const body = JSON.stringify({ apiVersion: `${GROUP}/${VERSION}`, kind: 'Flunder', metadata: { name: 'one' } })
        void ask(PATH, { method: 'POST', headers: { 'content-type': 'application/json' }, body }).then(({ status }) =>
          assert.equal(status, 201),
        )
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
    assert.equal(JSON.parse(await events).object.metadata.name, 'one')
  })

  it('may be an upgrade', async () => {
    const echoed = await new Promise<string>((resolve, reject) => {
      const { certificate: cert, key } = server.admin
      const headers = { connection: 'Upgrade', upgrade: 'echo' }
      const outgoing = request(`${server.url}${PATH}/one/connect`, {
        ca: server.pki.ca.certificate,
        cert,
        key,
        headers,
        agent: false,
      })
      outgoing.on('upgrade', (_, socket) => {
        socket.once('data', (chunk: Buffer) => {
          resolve(String(chunk))
          socket.destroy()
        })
        socket.write('hello')
      })
      outgoing.on('response', incoming => reject(new Error(`answered ${incoming.statusCode}`)))
      outgoing.on('error', reject)
      outgoing.end()
    })
    assert.equal(echoed, 'hello')
    const last = extension.seen.findLast(({ line }) => line === `GET ${PATH}/one/connect`)!
    assert.deepEqual(last.headers['x-remote-user'], ['admin'])
  })

  it('is never sent elsewhere', async () => {
    const answer = await ask(`/apis/${GROUP}/${VERSION}/elsewhere`)
    assert.equal(answer.status, 502)
    assert.match(answer.text, /the backend attempted to redirect this request, which is not permitted/)
  })
})

interface GroupItem {
  metadata: { name: string }
  versions: {
    freshness: string
    resources: { resource: string; shortNames: string[]; subresources: { subresource: string }[] }[]
  }[]
}
const itemOf = (items: readonly GroupItem[]): GroupItem => items.find(each => each.metadata.name === GROUP)!

describe('documents', () => {
  it('of discovery speak of it', async () => {
    const { groups } = JSON.parse((await ask('/apis')).text)
    const names = groups.map((each: { name: string }) => each.name)
    assert.equal(names[0], 'apiregistration.k8s.io')
    // Only what measures comes after it: its priority is lower still.
    assert.deepEqual(names.slice(-2), [GROUP, 'metrics.k8s.io'])
    assert.equal(JSON.parse((await ask(`/apis/${GROUP}`)).text).preferredVersion.groupVersion, `${GROUP}/${VERSION}`)
    assert.equal(JSON.parse((await ask(`/apis/${GROUP}/${VERSION}`)).text).resources[0].name, 'flunders')
    const item = await eventually('the version in aggregated discovery', async () => {
      const { items } = JSON.parse((await ask('/apis', { headers: { accept: AGGREGATED } })).text)
      const version = itemOf(items).versions[0]!
      return version.freshness === 'Current' ? version : undefined
    })
    assert.deepEqual(item.resources[0]?.shortNames, ['fl'])
    assert.ok(JSON.parse((await ask('/')).text).paths.includes(`/apis/${GROUP}/${VERSION}`))
  })

  it('of OpenAPI are merged', async () => {
    const url = await eventually('the OpenAPI v3 document', async () => {
      const { paths } = JSON.parse((await ask('/openapi/v3')).text)
      return paths[`apis/${GROUP}/${VERSION}`]?.serverRelativeURL as string | undefined
    })
    const document = JSON.parse((await ask(url)).text)
    assert.ok('com.example.wardle.v1alpha1.Flunder' in document.components.schemas)
    const swagger = JSON.parse((await ask('/openapi/v2')).text)
    assert.ok(`/apis/${GROUP}/${VERSION}/namespaces/{namespace}/flunders` in swagger.paths)
    assert.ok('com.example.wardle.v1alpha1.Flunder' in swagger.definitions)
    assert.ok('io.k8s.api.apps.v1.Deployment' in swagger.definitions)
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
    assert.equal((await ask('/openapi/v2', { headers: { accept } })).status, 200)
  })
})

describe('kubectl', { skip: kubectls().length === 0 && 'there is no kubectl' }, () => {
  for (const kubectl of kubectls()) {
    const run = async (...args: string[]): Promise<string> =>
      (
        await promisify(execFile)(kubectl, [
          '--kubeconfig',
          server.kubeconfig,
          '--cache-dir',
          `${server.kubeconfig}.${kubectl.slice(-4)}`,
          ...args,
        ])
      ).stdout
    it(`${kubectl.slice(-4)} gets, lists and explains what an extension server has`, async () => {
      assert.match(
        await run('api-resources', '--api-group', GROUP),
        /flunders +fl +wardle.example.com\/v1alpha1 +true +Flunder/,
      )
      // It is asked again now and then, and is not available where a busy machine lets its answer come too late.
      await available('Passed')
      assert.match(await run('get', 'fl', '-n', 'wardle', '-o', 'name'), /flunder.wardle.example.com\/one/)
      assert.match(await run('explain', 'flunder'), /A flunder is there to be listed/)
      assert.match(await run('get', 'apiservices', NAME), /wardle\/api +True/)
    })
  }
})

/** The oldest and the newest kubectl on this machine. */
function kubectls(): string[] {
  if (!existsSync('/usr/bin/kubectl')) return []
  const folder = dirname(realpathSync('/usr/bin/kubectl'))
  const all = readdirSync(folder)
    .filter(each => /^kubectl\.1\.\d+$/.test(each))
    .sort()
  return [...new Set([all[0], all.at(-1)])].filter(each => each !== undefined).map(each => join(folder, each))
}

describe('when an extension server goes away', () => {
  it('its group stays, marked stale, and requests are answered with 503', async () => {
    const { port } = extension
    await extension.stop()
    await client.resource(APIServices).patch(NAME, 'merge', { metadata: { annotations: { touched: 'yes' } } })
    const service = await available('FailedDiscoveryCheck')
    assert.match(
      findCondition(service.status?.conditions, 'Available')?.message ?? '',
      /^failing or missing response from https:\/\/localhost:\d+\/apis\/wardle.example.com\/v1alpha1: /,
    )
    assert.equal((await ask(`/apis/${GROUP}/${VERSION}/flunders`)).status, 503)
    const version = await eventually('staleness', async () => {
      const { items } = JSON.parse((await ask('/apis', { headers: { accept: AGGREGATED } })).text)
      const last = itemOf(items).versions[0]!
      return last.freshness === 'Stale' ? last : undefined
    })
    assert.equal(version.resources[0]?.resource, 'flunders')
    extension = await startExtensionServer({
      serving,
      frontProxyCa: server.pki.frontProxyCa.certificate,
      port,
      modern: false,
    })
    await available('Passed')
  })

  it('an older one is known by its resource list, and its OpenAPI v2 is made v3', async () => {
    const document = await eventually('a converted document', async () => {
      await client
        .resource(APIServices)
        .patch(NAME, 'merge', { metadata: { annotations: { touched: String(Math.random()) } } })
      const { paths } = JSON.parse((await ask('/openapi/v3')).text)
      const url: string | undefined = paths[`apis/${GROUP}/${VERSION}`]?.serverRelativeURL
      if (url === undefined || url.endsWith('hash=1')) return undefined
      return JSON.parse((await ask(url)).text)
    })
    const { post } = document.paths[`/apis/${GROUP}/${VERSION}/namespaces/{namespace}/flunders`]
    assert.equal(
      post.requestBody.content['application/json'].schema.$ref,
      '#/components/schemas/com.example.wardle.v1alpha1.Flunder',
    )
    const version = await eventually('currency', async () => {
      const { items } = JSON.parse((await ask('/apis', { headers: { accept: AGGREGATED } })).text)
      const last = itemOf(items).versions[0]!
      return last.freshness === 'Current' ? last : undefined
    })
    assert.equal(version.resources[0]?.subresources[0]?.subresource, 'status')
  })

  it('without its APIService nothing of it is left', async () => {
    await client.resource(APIServices).delete(NAME)
    await eventually('its end', async () =>
      (await ask(`/apis/${GROUP}/${VERSION}`)).status === 404 ? true : undefined,
    )
    const { paths } = JSON.parse((await ask('/openapi/v3')).text)
    assert.equal(paths[`apis/${GROUP}/${VERSION}`], undefined)
    assert.ok(!(await ask('/apis')).text.includes(GROUP))
  })
})
