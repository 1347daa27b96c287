import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { systemClock } from '@canopus/platform'
import {
  type ClusterProcess,
  componentEnv,
  findProcesses,
  killRemaining,
  mainProcess,
  stopComponent,
} from './processes.ts'
import { startSupervised } from './supervisor.ts'

const entry = (pid: number, parent: number, component: string, program = 'node'): ClusterProcess => ({
  pid,
  parent,
  component,
  program,
  startTime: '1',
})

describe('the main process of a component', () => {
  it('is neither its supervisor, nor its child, nor a shim', () => {
    const all = [
      entry(1, 0, 'supervisor/a', 'sh'),
      entry(3, 2, 'a'),
      entry(2, 1, 'a'),
      entry(4, 0, 'a', 'containerd-shim'),
    ]
    assert.equal(mainProcess(all, 'a')?.pid, 2)
    assert.equal(mainProcess(all, 'supervisor/a')?.pid, 1)
    assert.equal(mainProcess(all, 'b'), undefined)
  })
})

describe('stopping a component', { skip: process.platform === 'linux' ? false : 'needs Linux' }, () => {
  it('asks it once, by its supervisor, and leaves it time to finish', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'canopus-stop-'))
    const cluster = `test-${process.pid}.1`
    const [asked, up] = [join(directory, 'asked'), join(directory, 'up')]
    // A second signal would be noted while it finishes.
    const program = `
      const { appendFileSync, writeFileSync } = require('node:fs')
      const [asked, up] = process.argv.slice(1)
      process.on('SIGTERM', () => {
        appendFileSync(asked, 'asked ')
        setTimeout(() => process.exit(appendFileSync(asked, 'ended')), 300)
      })
      setInterval(() => {}, 1000)
      writeFileSync(up, '')`
    try {
      const command = [process.execPath, '-e', program, asked, up]
      await startSupervised({ cluster, component: 'a', log: join(directory, 'log'), command })
      while (!existsSync(up)) await new Promise(resolve => setTimeout(resolve, 20))
      await stopComponent(cluster, 'a', systemClock)
      assert.equal(readFileSync(asked, 'utf8'), 'asked ended')
      assert.deepEqual(findProcesses(cluster), [])
    } finally {
      await killRemaining(cluster, systemClock)
      rmSync(directory, { recursive: true })
    }
  })
})

describe('processes of a cluster', { skip: process.platform === 'linux' ? false : 'needs Linux' }, () => {
  it('are known by their environment, and can be killed to the last', async () => {
    const mark = `test-${process.pid}.0`
    const children = ['b', 'a'].map(component =>
      spawn('sleep', ['60'], { env: { ...process.env, ...componentEnv(mark, component) }, stdio: 'ignore' }),
    )
    await Promise.all(children.map(child => once(child, 'spawn')))
    const found = findProcesses(mark)
    assert.deepEqual(
      found.map(each => [each.component, each.program, each.parent]),
      [
        ['a', 'sleep', process.pid],
        ['b', 'sleep', process.pid],
      ],
    )
    assert.deepEqual(findProcesses('test'), [])
    const ended = Promise.all(children.map(child => once(child, 'exit')))
    await killRemaining(mark, systemClock)
    await ended
    assert.deepEqual(findProcesses(mark), [])
  })
})
