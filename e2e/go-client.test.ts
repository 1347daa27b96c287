/** A Go client that speaks protobuf and nothing else, built from the published client-go. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startCluster, type TestCluster } from '@canopus/testing'

const source = fileURLToPath(new URL('clients/go', import.meta.url))
const binary = fileURLToPath(new URL('../.cache/bin/protobuf-client', import.meta.url))

/** Builds the client; the reason where that cannot be done here. */
function build(): string | false {
  if (spawnSync('go', ['version']).status !== 0) return 'needs a Go toolchain'
  const built = spawnSync('go', ['build', '-o', binary, '.'], {
    cwd: source,
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '-p=2' },
  })
  return built.status === 0 ? false : `client-go cannot be built here: ${built.stderr.trim().split('\n').at(-1)}`
}

describe('client-go over protobuf', { skip: build() }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = await startCluster()
  })
  after(() => cluster.stop())

  it('creates, watches, updates and deletes', async () => {
    const output = await new Promise<{ code: number | null; text: string }>(resolve => {
      const child = spawn(binary, { env: { ...process.env, KUBECONFIG: cluster.kubeconfig } })
      let text = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', chunk => {
          text += chunk
        })
      child.on('close', code => resolve({ code, text }))
    })
    assert.equal(output.code, 0, output.text)
    assert.deepEqual(output.text.trim().split('\n'), [
      'created from-go Always ü BestEffort',
      'added from-go',
      'updated from-go two',
      'deleted from-go',
      'gone: pods "from-go" not found',
      'namespaces 2 true',
      'openapi Kubernetes',
    ])
  })
})
