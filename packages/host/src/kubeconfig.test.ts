import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createClusterPki, systemClock } from '@canopus/platform'
import { mergeKubeconfig, readKubeconfigUser, removeFromKubeconfig } from './kubeconfig.ts'
import { createKubeconfigTransport } from './transport.ts'

describe('kubeconfig', () => {
  let directory = ''
  let path = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kubeconfig-'))
    path = join(directory, 'nested/config')
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const entry = {
    name: 'canopus',
    server: 'https://127.0.0.1:6443',
    ca: 'CA',
    cert: 'CERT',
    key: 'KEY',
    makeCurrent: true,
  }

  it('makes the file, for its owner alone, and reads it back', () => {
    mergeKubeconfig(path, entry)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.deepEqual(readKubeconfigUser(path), { server: entry.server, ca: 'CA', cert: 'CERT', key: 'KEY' })
  })

  it('keeps what it does not know and other clusters', () => {
    path = join(directory, 'config')
    const other =
      'apiVersion: v1\nkind: Config\nextensions: [{name: mine}]\ncurrent-context: other\nclusters: [{name: other, cluster: {server: "https://other"}}]\ncontexts: [{name: other, context: {cluster: other, user: other}}]\nusers: [{name: other, user: {exec: {command: login}}}]\n'
    writeFileSync(path, other)
    mergeKubeconfig(path, entry)
    mergeKubeconfig(path, { ...entry, server: 'https://127.0.0.1:7443' })
    assert.equal(readKubeconfigUser(path).server, 'https://127.0.0.1:7443')
    assert.equal(readKubeconfigUser(path, 'other').server, 'https://other')
    removeFromKubeconfig(path, 'canopus')
    const left = readFileSync(path, 'utf8')
    assert.match(left, /extensions/)
    assert.match(left, /command: login/)
    assert.doesNotMatch(left, /canopus/)
  })

  it('follows files relative to the kubeconfig', () => {
    path = join(directory, 'config')
    writeFileSync(join(directory, 'ca.crt'), 'FROM FILE')
    writeFileSync(
      path,
      'current-context: c\nclusters: [{name: c, cluster: {server: "https://s", certificate-authority: ca.crt}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n',
    )
    assert.equal(readKubeconfigUser(path).ca, 'FROM FILE')
  })

  it('may leave the certificate of the server unverified, or name it otherwise', async () => {
    const clock = systemClock
    const pki = await createClusterPki({ clusterName: 'test', addresses: ['192.0.2.1'], clock })
    const server = createServer({ key: pki.apiserver.key, cert: pki.apiserver.certificate }, (_request, response) =>
      response.end('{}'),
    )
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const get = async (cluster: string): Promise<number> => {
      path = join(directory, 'config')
      const text = `server: "https://127.0.0.1:${port}", ${cluster}`
      writeFileSync(
        path,
        `current-context: c\nclusters: [{name: c, cluster: {${text}}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n`,
      )
      const transport = createKubeconfigTransport(path)
      try {
        return (await transport.send({ method: 'GET', path: '/' })).status
      } finally {
        transport.close()
      }
    }
    const ca = `certificate-authority-data: ${Buffer.from(pki.ca.certificate).toString('base64')}`
    try {
      await assert.rejects(get('insecure-skip-tls-verify: false'), /certificate/)
      await assert.rejects(get(`${ca}, tls-server-name: other.example.com`), /does not match certificate's altnames/)
      assert.equal(await get(`${ca}, tls-server-name: kubernetes.default.svc`), 200)
      assert.equal(await get('insecure-skip-tls-verify: true'), 200)
    } finally {
      server.close()
    }
  })

  it('refuses what is no kubeconfig, without changing it', () => {
    path = join(directory, 'config')
    writeFileSync(path, '- a list\n')
    assert.throws(() => mergeKubeconfig(path, entry), /not a YAML map/)
    assert.equal(readFileSync(path, 'utf8'), '- a list\n')
    writeFileSync(path, ']]\n')
    assert.throws(() => mergeKubeconfig(path, entry), { message: /^\S+config is no kubeconfig: [^\n]+$/ })
    assert.equal(readFileSync(path, 'utf8'), ']]\n')
  })
})
