import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { packImage } from '@canopus/cri'
import { Failure } from '../failure.ts'
import { readReferences, storeImage } from './image-store.ts'
import { readRecipes } from './recipe.ts'
import { replyTo } from './registry.ts'

const directory = mkdtempSync(join(tmpdir(), 'canopus-registry-'))
const store = { directory }
after(() => rmSync(directory, { recursive: true, force: true }))

describe('the registry', () => {
  before(async () => {
    const files = [{ path: 'hello', content: Buffer.from('hi') }]
    const image = await packImage({ name: 'docker.io/library/hello:1', architecture: 'amd64', files })
    await storeImage(store, 'docker.io/library/hello', ['1', 'latest'], image)
  })
  const get = (path: string, method = 'GET'): ReturnType<typeof replyTo> => replyTo(store, method, path)
  const errorCode = (path: string, method?: string): string =>
    JSON.parse(get(path, method).body.toString()).errors[0].code

  it('is version 2', () => assert.equal(get('/v2/').status, 200))

  it('serves a manifest by tag and by digest, and its blobs', () => {
    const byTag = get('/v2/library/hello/manifests/1?ns=docker.io')
    assert.equal(byTag.status, 200)
    assert.equal(byTag.type, 'application/vnd.oci.image.manifest.v1+json')
    assert.equal(byTag.digest, readReferences(store)['docker.io/library/hello:1'])
    assert.deepEqual(get(`/v2/library/hello/manifests/${byTag.digest}`).body, byTag.body)
    const { config, layers } = JSON.parse(byTag.body.toString())
    for (const { digest, size } of [config, ...layers])
      assert.equal(get(`/v2/library/hello/blobs/${digest}`).body.length, size)
  })

  it('lists tags', () => {
    assert.deepEqual(JSON.parse(get('/v2/library/hello/tags/list').body.toString()), {
      name: 'library/hello',
      tags: ['1', 'latest'],
    })
  })

  it('says what it does not have', () => {
    assert.equal(errorCode('/v2/library/hello/manifests/2'), 'MANIFEST_UNKNOWN')
    assert.equal(errorCode('/v2/library/hello/manifests/1?ns=quay.io'), 'MANIFEST_UNKNOWN')
    assert.equal(errorCode(`/v2/library/hello/blobs/sha256:${'0'.repeat(64)}`), 'BLOB_UNKNOWN')
    assert.equal(errorCode('/v2/library/hello/blobs/..%2f..%2freferences.json'), 'NAME_UNKNOWN')
    assert.equal(errorCode('/elsewhere'), 'NAME_UNKNOWN')
    assert.equal(errorCode('/v2/library/hello/manifests/1', 'PUT'), 'UNSUPPORTED')
  })
})

describe('recipes', () => {
  it('are found by their short names', () => {
    writeFileSync(join(directory, 'one.json'), '{"name":"docker.io/library/one"}')
    assert.deepEqual([...readRecipes(directory, ['one']).keys()], ['one'])
    assert.throws(
      () => readRecipes(directory, ['two']),
      (error: unknown) => error instanceof Failure && /no recipe for two/.test(error.message),
    )
  })
})
