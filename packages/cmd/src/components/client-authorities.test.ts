import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { createAuthority, systemClock } from '@canopus/platform'
import { ClientAuthorities } from './client-authorities.ts'

const directory = mkdtempSync(join(tmpdir(), 'canopus-authorities-'))
after(() => rmSync(directory, { recursive: true, force: true }))

it('authorities are those that the file has, however it is replaced; what is none leaves them', async () => {
  const [first, second, third] = await Promise.all(
    ['one', 'two', 'three'].map(commonName => createAuthority({ commonName, clock: systemClock })),
  )
  const clientCaFile = join(directory, 'ca.crt')
  writeFileSync(clientCaFile, first!.certificate)
  const authorities = new ClientAuthorities({ clientCaFile })
  assert.deepEqual(authorities.all, { clientCa: [first!.certificate] })
  let changed = Promise.withResolvers<void>()
  const unfollow = authorities.follow(() => changed.resolve())
  writeFileSync(clientCaFile, second!.certificate)
  await changed.promise
  assert.deepEqual(authorities.all, { clientCa: [second!.certificate] })
  changed = Promise.withResolvers<void>()
  writeFileSync(clientCaFile, 'nothing')
  const other = join(directory, 'other')
  writeFileSync(other, third!.certificate)
  renameSync(other, clientCaFile)
  await changed.promise
  assert.deepEqual(authorities.all, { clientCa: [third!.certificate] })
  unfollow()
})
