import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { claimSlot, releaseSlot } from './slots.ts'

describe('slots', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'slots-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('differ between clusters, whoever makes them', () => {
    assert.deepEqual([claimSlot('/home/a/a.json', directory), claimSlot('/home/b/b.json', directory)], [0, 1])
  })

  it('are free again when they are given back, but only by their owner', () => {
    claimSlot('/home/a/a.json', directory)
    releaseSlot(0, '/home/b/b.json', directory)
    assert.equal(claimSlot('/home/b/b.json', directory), 1)
    releaseSlot(0, '/home/a/a.json', directory)
    assert.equal(claimSlot('/home/c/c.json', directory), 0)
  })

  it('are free again when the cluster is gone and so is who claimed it', () => {
    const owner = join(directory, 'cluster.json')
    const claim = { owner, pid: 2 ** 22 - 1, startTime: '1' }
    writeFileSync(join(directory, 'slot-0'), JSON.stringify(claim))
    writeFileSync(owner, '{}')
    assert.equal(claimSlot('/home/b/b.json', directory), 1)
    rmSync(owner)
    assert.equal(claimSlot('/home/c/c.json', directory), 0)
  })

  it('end', () => {
    for (let slot = 0; slot < 16; slot++) claimSlot(`/home/${slot}.json`, directory)
    assert.throws(() => claimSlot('/home/more.json', directory), /16 clusters/)
  })
})
