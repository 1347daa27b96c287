import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { extract } from 'tar-stream'
import { packImage } from './oci-image.ts'
import { PAUSE_IMAGE, pauseImage } from './pause.ts'

async function read(tar: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const reader = extract()
  reader.end(tar)
  for await (const entry of reader) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    files.set(entry.header.name, Buffer.concat(chunks))
  }
  return files
}

test('an image is an OCI layout whose blobs have their digests', async () => {
  const image = await packImage({
    name: 'docker.io/library/x:1',
    architecture: 'amd64',
    files: [
      { path: 'bin' },
      { path: 'bin/x', mode: 0o755, content: Buffer.from('#!x') },
      { path: 'y', target: 'bin/x' },
    ],
    config: { Entrypoint: ['/bin/x'] },
  })
  const files = await read(image)
  const index = JSON.parse(files.get('index.json')!.toString())
  assert.equal(index.manifests[0].annotations['io.containerd.image.name'], 'docker.io/library/x:1')
  for (const [name, content] of files)
    if (name.startsWith('blobs/'))
      assert.equal(name, `blobs/sha256/${createHash('sha256').update(content).digest('hex')}`)
  const blob = (digest: string): Buffer => files.get(`blobs/sha256/${digest.slice(7)}`)!
  const manifest = JSON.parse(blob(index.manifests[0].digest).toString())
  assert.deepEqual(JSON.parse(blob(manifest.config.digest).toString()).config, { Entrypoint: ['/bin/x'] })
  assert.deepEqual([...(await read(blob(manifest.layers[0].digest))).keys()], ['bin/', 'bin/x', 'y'])
})

for (const [processor, architecture] of Object.entries({ x64: 'amd64', arm64: 'arm64' }))
  test(`the pause image is the same every time, ${processor}`, async () => {
    const [first, second] = await Promise.all([pauseImage(processor), pauseImage(processor)])
    assert.ok(first.equals(second))
    const index = (await read(first)).get('index.json')!.toString()
    assert.match(index, new RegExp(PAUSE_IMAGE.replaceAll('.', '\\.')))
    assert.equal(JSON.parse(index).manifests[0].platform.architecture, architecture)
  })

test('there is no pause image for processors that nobody tried', () => {
  assert.throws(() => pauseImage('riscv64'), /no pause program for riscv64/)
})
