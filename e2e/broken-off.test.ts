/** `up` that is broken off: by Ctrl-C it leaves nothing, and after `kill -9` `delete` finds everything, whenever that was. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { containerSkip, TestCluster } from './support/cluster.ts'
import { processesOf, startUp, traces } from './support/traces.ts'
import { until } from './support/until.ts'

describe('an up that is broken off', { skip: containerSkip() }, () => {
  const cluster = new TestCluster('broken')
  const { home, kubeconfig } = cluster
  const up = ['up', '--name', 'broken', '--nodes', '2', '--kubeconfig', kubeconfig, '--pod-egress', 'none']

  const lines = (command: string, ...args: string[]): string[] =>
    spawnSync(command, args, { encoding: 'utf8' }).stdout.trim().split('\n')
  const pattern = /canopus|\bcn\d|172\.30\.|10\.(9[6-9]|1[01]\d|2[234]\d)\./
  /** Interfaces, addresses, routes, tables, and cgroups of the second node. */
  const machine = (): string[] => [
    ...[lines('ip', '-o', 'link'), lines('ip', '-o', 'address'), lines('ip', 'route'), lines('nft', 'list', 'tables')]
      .flat()
      .filter(line => pattern.test(line))
      .sort(),
    ...readdirSync('/sys/fs/cgroup').filter(name => name.startsWith('broken')),
  ]
  const contains = (path: string, text: string): boolean =>
    existsSync(path) && readFileSync(path, 'utf8').includes(text)

  const moments: [name: string, holds: () => boolean][] = [
    ['its description is written', () => existsSync(join(home, 'index/broken.json'))],
    ['a mount namespace is made', () => contains('/proc/mounts', join(home, 'run/broken/ns'))],
    ['the second node runs', () => processesOf('CANOPUS_COMPONENT=node/broken-2/agent').length > 0],
    ['kubectl knows it', () => contains(kubeconfig, 'name: broken')],
  ]

  let untouched: string[] = []
  before(() => {
    untouched = machine()
  })
  after(() => cluster.remove())

  for (const [name, holds] of moments)
    it(`when ${name}`, async () => {
      const killed = startUp(home, up)
      await until(name, holds)
      killed.child.kill('SIGKILL')
      await killed.ended
      await cluster.command('delete')
      assert.deepEqual(traces(home), [])
      assert.deepEqual(machine(), untouched)

      const interrupted = startUp(home, up)
      await until(name, holds)
      interrupted.child.kill('SIGINT')
      const { code, stderr } = await interrupted.ended
      assert.equal(code, 130, stderr)
      assert.match(stderr, /interrupted\n$/)
      assert.deepEqual(traces(home), [])
      assert.deepEqual(machine(), untouched)
      assert.ok(!existsSync(join(home, 'clusters/broken')))
    })
})
