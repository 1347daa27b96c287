import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type CliEnvironment, Failure } from '@canopus/cli'
import { freePort } from '@canopus/store/testing'
import { Command } from 'commander'
import { addEnvtest } from './envtest-command.ts'

describe('canopus envtest', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "canopus env'test-"))
    // What is started in the place of Canopus tells its words, one a line.
    writeFileSync(join(folder, 'canopus'), '#!/bin/sh\nprintf "%s\\n" "$@"\n')
    writeFileSync(join(folder, 'other'), '#!/bin/sh\n')
    for (const each of ['canopus', 'other']) chmodSync(join(folder, each), 0o755)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  async function run(argv: readonly string[], environment: Partial<CliEnvironment> = {}): Promise<string> {
    let stdout = ''
    const program = new Command().exitOverride()
    addEnvtest(program, {
      env: { CANOPUS_ROOT: folder, PATH: '' },
      home: { root: folder, run: folder },
      stdout: { write: (text: string) => (stdout += text) },
      ...environment,
    } as unknown as CliEnvironment)
    await program.parseAsync(argv, { from: 'user' })
    return stdout.trim()
  }

  /** The words with which a program of the directory starts Canopus. */
  const words = (program: string, ...argv: string[]): string[] =>
    spawnSync(program, argv, { encoding: 'utf8' }).stdout.trim().split('\n')

  it('prints where the programs are; the API server keeps in memory what it is given', async () => {
    const assets = await run(['envtest'])
    assert.equal(assets, join(folder, 'envtest'))
    assert.deepEqual(
      words(join(assets, 'kube-apiserver'), '--etcd-servers=http://127.0.0.1:1', '--cert-dir=/a b', '--secure-port=2'),
      ['apiserver', '--storage-backend=memory', '--cert-dir=/a b', '--secure-port=2'],
    )
    assert.deepEqual(words(join(assets, 'etcd'), '--data-dir=/d'), ['envtest-etcd', '--data-dir=/d'])
    assert.ok(!existsSync(join(assets, 'kubectl')))
  })

  it('takes an etcd and a kubectl, also where there were others', async () => {
    const directory = join(folder, 'given')
    await run(['envtest', directory])
    await run(['envtest', directory, '--etcd', join(folder, 'other'), '--kubectl', join(folder, 'other')])
    assert.deepEqual(words(join(directory, 'kube-apiserver'), '--etcd-servers=http://127.0.0.1:1'), [
      'apiserver',
      '--etcd-servers=http://127.0.0.1:1',
    ])
    for (const each of ['etcd', 'kubectl']) assert.equal(readlinkSync(join(directory, each)), join(folder, 'other'))
    await assert.rejects(run(['envtest', directory, '--etcd', join(folder, 'nothing')]), Failure)
  })

  it('finds kubectl in the path, and itself where no script started it', async () => {
    writeFileSync(join(folder, 'kubectl'), '', { mode: 0o755 })
    const assets = await run(['envtest'], { env: { PATH: `/nowhere:${folder}` }, self: [join(folder, 'canopus'), 'x'] })
    assert.equal(readlinkSync(join(assets, 'kubectl')), join(folder, 'kubectl'))
    assert.deepEqual(words(join(assets, 'etcd')), ['x', 'envtest-etcd'])
  })

  it('stands in for etcd: healthy until it is told to end', async () => {
    const ended = new AbortController()
    const port = await freePort()
    const running = run(['envtest-etcd', `--listen-client-urls=http://127.0.0.1:${port}`, '--unsafe-no-fsync=true'], {
      signal: ended.signal,
    })
    const answer = await reached(`http://127.0.0.1:${port}/health`)
    assert.deepEqual([answer.status, await answer.json()], [200, { health: 'true', reason: '' }])
    assert.equal((await fetch(`http://127.0.0.1:${port}/v3/kv/range`)).status, 404)
    ended.abort()
    await running
  })
})

async function reached(url: string): Promise<Response> {
  for (;;)
    try {
      return await fetch(url)
    } catch {
      await new Promise(setImmediate)
    }
}
