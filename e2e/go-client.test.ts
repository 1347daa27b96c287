/** A Go client that speaks protobuf and nothing else, built from the published client-go. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster } from '@canopus/testing'
import { buildGoClient } from './support/go-build.ts'

const { binary, skip } = buildGoClient('protobuf-client')

describe('client-go over protobuf', { skip }, () => {
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
