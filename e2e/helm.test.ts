/** A chart is installed, upgraded, rolled back and removed by a real helm. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startCluster, type TestCluster } from '@canopus/testing'
import { findHelm, runHelm } from './support/helm.ts'
import { Kubectl } from './support/kubectl.ts'

const { helm: program, skip } = findHelm()
const chart = fileURLToPath(new URL('charts/catalogue', import.meta.url))

describe('helm', { skip }, () => {
  const home = mkdtempSync(join(tmpdir(), 'canopus-helm-'))
  let cluster: TestCluster
  let kubectl: Kubectl
  const helm = (...args: string[]): Promise<string> => runHelm(program, cluster.kubeconfig, home, args)
  const read = (path: string, ...what: string[]): Promise<string> =>
    kubectl.run(['get', '-n', 'shop', ...what, '-o', `jsonpath=${path}`])

  before(async () => {
    cluster = await startCluster({ nodes: 1 })
    kubectl = new Kubectl(cluster.kubeconfig)
  })
  after(async () => {
    await cluster?.stop()
    rmSync(home, { recursive: true, force: true })
  })

  it('installs a chart with a custom resource definition and a hook, and waits for it', async () => {
    const wait = ['--wait', '--timeout=170s']
    const output = await helm('install', 'books', chart, '--namespace=shop', '--create-namespace', ...wait)
    assert.match(output, /STATUS: deployed\nREVISION: 1\n/)
    assert.equal(await read('{.status.availableReplicas}', 'deployment', 'books'), '2')
    assert.equal(await read('{.data.cluster}', 'configmap', 'books'), 'kube-system')
    assert.equal(await read('{.data.revision}', 'configmap', 'books-before-1'), '1')
    assert.equal(await read('{.spec.books}', 'shelf', 'books'), '3')
    assert.equal(await read('{.spec.maxReplicas}', 'hpa', 'books'), '9')
  })

  it('upgrades, leaving what somebody else changed', async () => {
    await kubectl.run(['annotate', '-n', 'shop', 'service', 'books', 'by=hand'])
    await helm('upgrade', 'books', chart, '-n=shop', '--set=replicas=3,message=goodbye', '--wait', '--timeout=170s')
    assert.equal(await read('{.status.availableReplicas}', 'deployment', 'books'), '3')
    assert.equal(await read('{.data.message}', 'configmap', 'books'), 'goodbye')
    assert.equal(await read('{.metadata.annotations.by}', 'service', 'books'), 'hand')
  })

  it('rolls back and tells the history', async () => {
    await helm('rollback', 'books', '1', '-n=shop', '--wait', '--timeout=170s')
    assert.equal(await read('{.data.message}', 'configmap', 'books'), 'hello')
    assert.equal(await read('{.spec.replicas}', 'deployment', 'books'), '2')
    const history = JSON.parse(await helm('history', 'books', '-n=shop', '-o=json')) as { status: string }[]
    assert.deepEqual(
      history.map(each => each.status),
      ['superseded', 'superseded', 'deployed'],
    )
  })

  it('installs what does not exist yet and upgrades what does, by one command', async () => {
    for (const revision of [1, 2])
      assert.match(
        await helm('upgrade', '--install', 'more', chart, '-n=shop', '--wait', '--timeout=170s'),
        new RegExp(`REVISION: ${revision}\n`),
      )
    assert.match(await helm('list', '-n=shop', '-q'), /^books\nmore\n$/)
    assert.match(await helm('status', 'more', '-n=shop', '--show-resources'), /v1\/Deployment[\s\S]+more/)
  })

  it('refuses a manifest that the server finds invalid, by the server’s words', async () => {
    await assert.rejects(
      helm('upgrade', 'books', chart, '-n=shop', '--set=replicas=-1'),
      /Deployment\.apps "books" is invalid: spec\.replicas: Invalid value: -1: must be greater than or equal to 0/,
    )
  })

  it('removes what it made', async () => {
    await helm('uninstall', 'books', 'more', '-n=shop', '--wait', '--timeout=170s')
    const left = await kubectl.run(['get', '-n', 'shop', 'deployments,services,configmaps,shelves,hpa', '-o', 'name'])
    assert.deepEqual(left.trim().split('\n').sort(), [
      'configmap/books-before-1',
      'configmap/books-before-2',
      'configmap/books-before-4', // of the upgrade that was refused
      'configmap/kube-root-ca.crt',
      'configmap/more-before-1',
      'configmap/more-before-2',
    ])
  })
})
