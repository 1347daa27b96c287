/** An operator built on controller-runtime, as its authors would write it, runs unmodified against a cluster in this process. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createAuthority, issueCertificate, systemClock } from '@canopus/platform'
import { startCluster, type TestCluster } from '@canopus/testing'
import { freePort } from '../packages/store/src/testing/index.ts'
import { buildGoClient } from './support/go-build.ts'
import { Kubectl } from './support/kubectl.ts'
import { until } from './support/until.ts'

const { binary, skip } = buildGoClient('operator')
const MANIFEST = readFileSync(new URL('manifests/memcached-operator.yaml', import.meta.url), 'utf8')

const cache = (name: string, spec: object, version = 'v1'): string =>
  JSON.stringify({ apiVersion: `cache.example.com/${version}`, kind: 'Memcached', metadata: { name }, spec })

/** One process of the operator with a webhook server of its own. */
class Operator {
  readonly process: ChildProcess
  log = ''

  constructor(kubeconfig: string, port: number, certificates: string) {
    const flags = [`--kubeconfig=${kubeconfig}`, `--webhook-port=${port}`, `--webhook-certificates=${certificates}`]
    this.process = spawn(binary, flags, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.process.stdout!, this.process.stderr!])
      stream.on('data', chunk => {
        this.log += chunk
      })
  }

  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.log)) {
      if (this.process.exitCode !== null) throw new Error(`the operator ended: ${this.log}`)
      await once(this.process.stderr!, 'data')
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const closed = once(this.process, 'close')
    this.process.kill(signal)
    await closed
  }
}

describe('an operator on controller-runtime', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-operator-'))
  const operators: Operator[] = []
  let cluster: TestCluster
  let kubectl: Kubectl
  let port = 0

  const start = (at: number): Operator => {
    const operator = new Operator(cluster.kubeconfig, at, directory)
    operators.push(operator)
    return operator
  }
  const read = (path: string, ...what: string[]): Promise<string> =>
    kubectl.run(['get', ...what, '-o', `jsonpath=${path}`])

  /** They are sent beside everything else. */
  const untilEvents = (pattern: RegExp, ...flags: string[]): Promise<void> =>
    until(`an event ${pattern}`, async () => pattern.test(await kubectl.run(['events', ...flags])))

  before(async () => {
    cluster = await startCluster({ nodes: 2 })
    kubectl = new Kubectl(cluster.kubeconfig)
    port = await freePort()
    const authority = await createAuthority({ commonName: 'webhooks-ca', clock: systemClock })
    const served = {
      commonName: 'webhooks',
      hosts: ['127.0.0.1'],
      purposes: ['server auth'],
      clock: systemClock,
    } as const
    const { certificate, key } = await issueCertificate(authority, served)
    writeFileSync(join(directory, 'tls.crt'), certificate)
    writeFileSync(join(directory, 'tls.key'), key)
    const manifest = MANIFEST.replaceAll('WEBHOOKS_URL', `https://127.0.0.1:${port}`).replaceAll(
      'WEBHOOKS_CA',
      Buffer.from(authority.certificate).toString('base64'),
    )
    await kubectl.run(['apply', '-f', '-'], { input: manifest })
    await kubectl.wait('crd/memcacheds.cache.example.com', 'condition=Established')
    await start(port).until(/Starting workers/)
  })
  after(async () => {
    await Promise.all(operators.map(each => each.stop('SIGKILL')))
    await cluster?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  it('makes what a custom resource asks for and tells its state', async () => {
    await kubectl.run(['create', '-f', '-'], { input: cache('one', { replicas: 3 }) })
    await kubectl.wait('memcached/one', 'condition=Available')
    assert.equal(await read('{.status.readyReplicas}', 'deployment', 'one'), '3')
    const [owner] = JSON.parse(await read('{.metadata.ownerReferences}', 'deployment', 'one'))
    assert.deepEqual(
      { ...owner, uid: '' },
      {
        apiVersion: 'cache.example.com/v1',
        kind: 'Memcached',
        name: 'one',
        uid: '',
        controller: true,
        blockOwnerDeletion: true,
      },
    )
    const table = await kubectl.run(['get', 'mc'])
    assert.match(table, /^NAME\s+WANTED\s+READY\s+AVAILABLE\none\s+3\s+3\s+True\n$/)
    await kubectl.wait('memcached/one', 'jsonpath={.metadata.finalizers[0]}=cache.example.com/finalizer')
    await untilEvents(
      /Normal\s+Deployment\s+Memcached\/one\s+Deployment one created/,
      '--for',
      'memcached.v1.cache.example.com/one',
    )
  })

  it('is asked for defaults and for its word on what is valid', async () => {
    await kubectl.run(['create', '-f', '-'], { input: cache('two', {}) })
    assert.equal(await read('{.spec}', 'memcached', 'two'), '{"containerPort":11211,"replicas":1}')
    const even = await kubectl.try(['create', '-f', '-'], { input: cache('three', { replicas: 2 }) })
    assert.equal(even.stderr, 'The Memcached "three" is invalid: spec.replicas: Invalid value: 2: must be odd\n')
    const many = await kubectl.try(['create', '-f', '-'], { input: cache('three', { replicas: 7 }) })
    assert.equal(many.stderr, 'Warning: more than 5 replicas are rarely useful\n')
    await kubectl.run(['delete', 'memcached', 'three'])
  })

  it('converts between the versions of its resource', async () => {
    await kubectl.run(['create', '-f', '-'], { input: cache('old', { size: 1 }, 'v1alpha1') })
    assert.equal(await read('{.spec.replicas}', 'memcacheds.v1.cache.example.com', 'old'), '1')
    await kubectl.run([
      'patch',
      'memcacheds.v1alpha1.cache.example.com',
      'old',
      '--type=merge',
      '-p',
      '{"spec":{"size":5}}',
    ])
    await kubectl.wait('deployment/old', 'jsonpath={.spec.replicas}=5')
    const listed = await read('{.items[*].spec.size}', 'memcacheds.v1alpha1.cache.example.com')
    assert.deepEqual(listed.split(' ').sort(), ['1', '3', '5'])
    await kubectl.run(['delete', 'memcached', 'old'])
  })

  it('obeys the rules in the schema', async () => {
    const moved = await kubectl.try(['patch', 'mc', 'one', '--type=merge', '-p', '{"spec":{"containerPort":1}}'])
    assert.equal(
      moved.stderr,
      'The Memcached "one" is invalid: spec.containerPort: Forbidden: containerPort may not be changed\n',
    )
  })

  it('follows kubectl scale', async () => {
    await kubectl.run(['scale', 'mc/one', '--replicas=5'])
    await kubectl.wait('memcached/one', 'jsonpath={.status.readyReplicas}=5')
    assert.equal(await read('{.status.readyReplicas}', 'deployment', 'one'), '5')
  })

  it('finishes before its resource goes, and what it owned goes too', async () => {
    await kubectl.run(['delete', 'mc', 'one'])
    await kubectl.run(['wait', '--for=delete', 'deployment/one', '--timeout=170s'])
    await untilEvents(/Warning\s+Deleting\s+Memcached\/one\s+Custom resource one is being deleted/)
  })

  it('hands over to another process', async () => {
    const second = start(await freePort())
    await second.until(/attempting to acquire leader lease|Attempting to acquire leader lease/i)
    await operators[0]!.stop()
    await second.until(/Starting workers/)
    await second.stop()
    await start(port).until(/Starting workers/)
    await kubectl.run(['create', '-f', '-'], { input: cache('late', { replicas: 1 }) })
    await kubectl.wait('memcached/late', 'condition=Available')
  })
})
