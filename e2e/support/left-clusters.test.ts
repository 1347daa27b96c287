import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { HOME_PREFIX, markHome, removeLeftClusters } from './left-clusters.ts'

const directory = mkdtempSync(join(tmpdir(), 'canopus-left-'))
after(() => rmSync(directory, { recursive: true, force: true }))

function home(name: string, owner?: object): string {
  const path = join(directory, `${HOME_PREFIX}${name}`)
  mkdirSync(join(path, 'index'), { recursive: true })
  writeFileSync(join(path, 'index', `${name}.json`), '{}')
  if (owner) writeFileSync(join(path, 'test-process.json'), JSON.stringify(owner))
  return path
}

it('clusters go whose test process is gone; those of running tests and of nobody known stay', async () => {
  const gone = { pid: process.pid, startTime: 'another' }
  const left = home('left', gone)
  const stuck = home('stuck', gone)
  const unknown = home('unknown')
  const ours = home('ours')
  markHome(ours)
  const [removed, told]: [string[], string[]] = [[], []]
  const remove = (path: string, cluster: string) => {
    removed.push(`${path} ${cluster}`)
    return Promise.resolve({ code: cluster === 'stuck' ? 1 : 0, stderr: 'busy' })
  }
  await removeLeftClusters(remove, directory, message => told.push(message))
  assert.deepEqual(removed.sort(), [`${left} left`, `${stuck} stuck`])
  assert.deepEqual([left, stuck, unknown, ours].map(existsSync), [false, true, true, true])
  assert.deepEqual(told, [`cluster "stuck" in ${stuck} is left by a test that was killed: busy`])
})
