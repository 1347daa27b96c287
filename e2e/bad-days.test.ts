/** What can go wrong around `canopus up`: one clear line each, the right status, and nothing half made. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type CommandResult, canopus, containerSkip, freePort, TestCluster } from './support/cluster.ts'
import { processesOf, startUp as start, traces } from './support/traces.ts'
import { until } from './support/until.ts'

const launcher = fileURLToPath(new URL('../canopus', import.meta.url))
const rootOnly = containerSkip()

describe('bad days without nodes', () => {
  const home = mkdtempSync(join(tmpdir(), 'canopus-bad-'))
  const kubeconfig = join(home, 'kubeconfig')
  const up = ['up', '--no-node', '--name', 'bad', '--kubeconfig', kubeconfig]
  const run = (...args: string[]): Promise<CommandResult> => canopus(home, args)
  const refused = (result: CommandResult, message: RegExp, code = 1): void => {
    assert.match(result.stderr, message)
    assert.equal(result.code, code, result.stderr)
    assert.doesNotMatch(result.stderr, /^\s+at /m, 'no stack')
  }

  afterEach(async () => {
    await run('delete', '--name', 'bad', '--ignore-not-found')
    assert.deepEqual(traces(home), [])
  })
  after(() => rmSync(home, { recursive: true, force: true }))

  it('wrong flags: status 2 and what is meant', async () => {
    refused(await run('upp'), /unknown command 'upp'\n\(Did you mean up\?\)/, 2)
    refused(await run('up', '--nodez', '3'), /Did you mean --nodes\?/, 2)
    refused(await run('up', '--nodes', '0'), /'0' is invalid. not a whole number from 1 to 64/, 2)
    refused(await run('up', '--nodes', 'x'), /'x' is invalid/, 2)
    refused(await run('up', '--store', 'etcd'), /--store etcd needs --etcd-servers/, 2)
    refused(await run('up', '--no-node', '--nodes', '2'), /do not go together/, 2)
    refused(await run('up', '--no-node', '--name', 'Bad_Name'), /"Bad_Name" is no name for a cluster/)
    refused(await run('apiserver'), /--service-account-signing-key-file is required/)
    refused(await run('scheduler', '--kubeconfig', '/nowhere'), /there is no file \/nowhere/)
  })

  it('commands on a cluster that is not there, and twice', async () => {
    refused(await run('stop', '--name', 'bad'), /there is no cluster "bad"/)
    refused(await run('delete', '--name', 'bad'), /there is no cluster "bad"/)
    refused(await run('status', '--name', 'bad'), /there is no cluster "bad"/)
    assert.equal((await run(...up)).code, 0)
    refused(await run('logs', 'foo', '--name', 'bad'), /there is no log of "foo"\nThere are: control-plane/)
    assert.equal((await run('status', '--name', 'bad')).code, 0)
    for (let times = 0; times < 2; times++) assert.equal((await run('stop', '--name', 'bad')).code, 0)
    const status = await run('status', '--name', 'bad', '-o', 'json')
    assert.equal(status.code, 1)
    assert.equal(JSON.parse(status.stdout).state, 'stopped')
    assert.equal((await run('delete', '--name', 'bad')).code, 0)
    refused(await run('delete', '--name', 'bad'), /there is no cluster "bad"/)
  })

  it('what cannot be changed is refused', async () => {
    assert.equal((await run(...up)).code, 0)
    refused(await run(...up, '--store', 'memory'), /keeps its objects in the store "embedded", which cannot be changed/)
    refused(await run(...up, '--data-dir', '/elsewhere'), /keeps its data in .*, which cannot be changed/)
    refused(await run(...up, '--api-port', '1'), /has its API server on port \d+, which cannot be changed/)
    refused(await run('up', '--name', 'bad', '--nodes', '1'), /starting a node needs root|was made without nodes/)
  })

  it('a port that is taken', async () => {
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    refused(
      await run(...up, '--api-port', String(port)),
      /port \d+ on 127.0.0.1 is taken by another program\n.*--api-port/,
    )
    other.close()
    assert.deepEqual(traces(home), [])
  })

  it('a data directory with files of somebody else is left alone', async () => {
    const data = join(home, 'mine')
    mkdirSync(data)
    writeFileSync(join(data, 'diary'), 'dear')
    refused(await run(...up, '--data-dir', data), /mine is not empty: it holds diary/)
    assert.equal(readFileSync(join(data, 'diary'), 'utf8'), 'dear')
  })

  it('descriptions that are newer or damaged', async () => {
    assert.equal((await run(...up)).code, 0)
    const path = join(home, 'index/bad.json')
    const kept = readFileSync(path, 'utf8')
    writeFileSync(path, kept.replace('"version": 1', '"version": 99'))
    refused(await run(...up), /was made by a newer Canopus \(description version 99/)
    writeFileSync(path, '{"version": 1}')
    refused(await run(...up), /bad.json is damaged/)
    writeFileSync(path, kept)
  })

  it('a damaged store', async () => {
    assert.equal((await run(...up)).code, 0)
    assert.equal((await run('stop', '--name', 'bad')).code, 0)
    writeFileSync(join(home, 'clusters/bad/store/store.db'), 'no database, but long enough to be looked at'.repeat(100))
    refused(await run(...up), /the control plane does not start: .*store.db is damaged or no database/)
  })

  it('two at once: one works, the other waits for nobody', async () => {
    const both = await Promise.all([run(...up), run(...up)])
    assert.ok(both.some(result => result.code === 0))
    for (const failed of both.filter(result => result.code !== 0))
      refused(failed, /another canopus command \(process \d+\) is working on cluster "bad"/)
    assert.equal((await run('status', '--name', 'bad')).code, 0)
  })

  const controlPlaneRuns = (): boolean =>
    processesOf('CANOPUS_COMPONENT=control-plane').some(pid => processesOf(`CANOPUS_HOME=${home}`).includes(pid))

  it('Ctrl-C in the first up leaves nothing, in a later one the cluster', async () => {
    const first = start(home, up)
    await until('the control plane runs', controlPlaneRuns)
    first.child.kill('SIGINT')
    const interrupted = await first.ended
    if (interrupted.code !== 0) {
      refused(interrupted, /interrupted/, 130)
      assert.deepEqual(traces(home), [])
      assert.ok(!existsSync(join(home, 'clusters/bad')))
    }
    assert.equal((await run(...up)).code, 0)
    const later = start(home, up)
    later.child.kill('SIGINT')
    await later.ended
    assert.equal((await run('status', '--name', 'bad')).code, 0)
  })

  it('kill -9 of up, then up again', async () => {
    const first = start(home, up)
    await until('the description is written', () => existsSync(join(home, 'index/bad.json')))
    first.child.kill('SIGKILL')
    await first.ended
    assert.equal((await run(...up)).code, 0)
    assert.equal((await run('status', '--name', 'bad')).code, 0)
  })

  for (const size of ['16k', '150k'])
    it(`a full disk, of ${size}`, { skip: rootOnly }, async () => {
      const data = join(home, 'small')
      mkdirSync(data, { recursive: true })
      spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', data])
      try {
        refused(await run(...up, '--data-dir', data, '--timeout', '60s'), /the disk is full/)
        assert.deepEqual(readdirSync(data), [])
      } finally {
        spawnSync('umount', [data])
      }
      assert.deepEqual(traces(home), [])
    })

  it('a kubeconfig that cannot be written, and a data directory that is none', async () => {
    const other = join(home, 'other')
    writeFileSync(other, ']] no kubeconfig')
    const into = (path: string): string[] => ['up', '--no-node', '--name', 'bad', '--kubeconfig', path]
    refused(await run(...into(other)), /other is no kubeconfig: .*\nName another file with --kubeconfig/)
    assert.equal(readFileSync(other, 'utf8'), ']] no kubeconfig')
    refused(await run(...into(home)), /cannot be entered into .*: EISDIR/)
    refused(await run(...into(join(other, 'below'))), /cannot be entered into .*below: /)
    assert.deepEqual(traces(home), [])
    refused(await run(...up, '--data-dir', other), /other is no directory/)
  })

  it('an etcd that does not answer', async () => {
    const port = await freePort()
    const etcd = ['--store', 'etcd', '--etcd-servers', `http://127.0.0.1:${port}`]
    refused(
      await run(...up, ...etcd, '--timeout', '30s'),
      /the control plane does not start: no etcd server could be reached/,
    )
  })

  it("another user's cluster of the same name lives beside it", async () => {
    const second = join(home, 'second')
    const theirs = (...args: string[]): Promise<CommandResult> => canopus(second, [...args, '--name', 'bad'])
    assert.equal((await run(...up)).code, 0)
    assert.equal((await theirs('up', '--no-node', '--kubeconfig', join(second, 'kubeconfig'))).code, 0)
    assert.equal((await run('delete', '--name', 'bad')).code, 0)
    assert.equal((await theirs('status')).code, 0)
    assert.equal((await theirs('delete')).code, 0)
    assert.deepEqual(traces(second), [])
  })

  it('somebody who is not root', { skip: rootOnly }, () => {
    const own = mkdtempSync(join(tmpdir(), 'canopus-nobody-'))
    chmodSync(own, 0o777)
    // The program must be where everybody may read it; this checkout need not be.
    for (const file of ['canopus.cjs', 'program.cjs'])
      cpSync(fileURLToPath(new URL(`../dist/${file}`, import.meta.url)), join(own, file))
    cpSync(process.execPath, join(own, 'node'))
    const asNobody = (...args: string[]): CommandResult => {
      const command = ['--reuid=65534', '--regid=65534', '--clear-groups', join(own, 'node'), join(own, 'canopus.cjs')]
      const { status, stdout, stderr } = spawnSync('setpriv', [...command, ...args], {
        env: {
          PATH: process.env.PATH,
          CANOPUS_HOME: join(own, 'home'),
          KUBECONFIG: join(own, 'kubeconfig'),
          HOME: own,
        },
        encoding: 'utf8',
      })
      return { code: status ?? 1, stdout, stderr }
    }
    try {
      refused(asNobody('up', '--name', 'bad'), /error: starting a node needs root\n.*--no-node/)
      assert.ok(!existsSync(join(own, 'home')))
      const result = asNobody('up', '--name', 'bad', '--no-node')
      assert.equal(result.code, 0, result.stderr)
      assert.equal(asNobody('status', '--name', 'bad').code, 0)
      assert.equal(asNobody('delete', '--name', 'bad').code, 0)
      assert.deepEqual(processesOf(`CANOPUS_HOME=${own}`), [])
    } finally {
      rmSync(own, { recursive: true, force: true })
    }
  })
})

describe('bad days with nodes', { skip: rootOnly }, () => {
  const cluster = new TestCluster('badn')
  const { kubectl } = cluster
  const components = async (): Promise<{ component: string; state: string; pid?: number }[]> =>
    JSON.parse((await cluster.tryCommand('status', '-o', 'json')).stdout).components
  // before the first cluster of a machine there may be no `ip` yet
  const shown = (program: string, ...args: string[]): string =>
    spawnSync(program, args, { encoding: 'utf8' }).stdout ?? ''

  before(() => cluster.prepare())
  after(() => cluster.remove())

  const wanted = ['up', '--name', 'badn', '--kubeconfig', cluster.kubeconfig, '--pod-egress', 'none']
  const machine = (): string[] =>
    [shown('ip', '-o', 'link'), shown('nft', 'list', 'tables')].flatMap(text =>
      text.split('\n').filter(line => /canopus|\bcn\d/.test(line)),
    )
  const untouched = containerSkip() ? [] : machine()
  /** Nothing of the cluster is left on the machine. */
  const nothingLeft = (): void => {
    assert.deepEqual(traces(cluster.home), [])
    assert.deepEqual(machine(), untouched)
  }
  /** `up` on a machine that has other files in some places; the machine itself stays as it is. */
  const upWithFiles = (files: Record<string, string>, ...flags: string[]): CommandResult => {
    const mounts = Object.entries(files).map(([path, content], index) => {
      const own = join(cluster.home, `file-${index}`)
      writeFileSync(own, content, { mode: 0o755 })
      return `mount --bind ${content === '' ? '/dev/null' : own} ${realpathSync(path)}`
    })
    const script = `${mounts.join(' && ')} && exec "$@"`
    const command = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', launcher, ...wanted, ...flags]
    const { status, stdout, stderr } = spawnSync('unshare', command, {
      env: { ...process.env, CANOPUS_HOME: cluster.home },
      encoding: 'utf8',
    })
    return { code: status ?? 1, stdout, stderr }
  }

  it('containerd is missing, and cannot be installed', () => {
    const apt = '#!/bin/sh\necho "E: Unable to locate package $4" >&2\nexit 100\n'
    const failed = upWithFiles({ '/usr/bin/containerd': '', '/usr/bin/apt-get': apt })
    assert.match(
      failed.stderr,
      /error: containerd could not be installed: E: Unable to locate package containerd\nInstall by hand: apt-get install containerd\n/,
    )
    assert.equal(failed.code, 1)
    nothingLeft()
    const without = upWithFiles({ '/usr/bin/containerd': '', '/usr/bin/apt-get': '' })
    assert.match(without.stderr, /error: missing on this machine: containerd\nThere is no apt-get here: /)
    nothingLeft()
  })

  it('a port of the node is taken', async () => {
    // Which port it is depends on the other clusters of this machine; what somebody else has is taken anyhow.
    const others = Array.from({ length: 16 }, (_, slot) => createServer().listen(10250 + 10 * slot, '0.0.0.0'))
    await Promise.all(
      others.map(other => new Promise(resolve => other.once('listening', resolve).once('error', resolve))),
    )
    const { code, stderr } = await start(cluster.home, wanted).ended
    for (const other of others) other.close()
    assert.match(
      stderr,
      /error: port 10\d{3} on 172\.30\.\d+\.1 is taken by another program\nStop the program that holds it\.\n$/,
    )
    assert.equal(code, 1)
    nothingLeft()
  })

  it('containerd does not start', async () => {
    const failed = upWithFiles({ '/usr/bin/containerd': '#!/bin/sh\necho "containerd: no such luck" >&2\nexit 1\n' })
    assert.match(
      failed.stderr,
      /error: containerd of node badn does not start: no such luck\nSee `canopus logs --name badn`/,
    )
    assert.equal(failed.code, 1)
    // It stays as it is, so that its logs can be read.
    assert.match((await cluster.tryCommand('logs', 'containerd')).stdout, /no such luck/)
    await cluster.command('delete')
    nothingLeft()
  })

  it('grows from one node to two', async () => {
    await cluster.up()
    await cluster.up('--nodes', '2')
    const names = await kubectl.run(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])
    assert.equal(names, 'badn badn-2')
    const fewer = await cluster.tryCommand('up', '--nodes', '1')
    assert.match(fewer.stderr, /cluster "badn" has 2 nodes/)
  })

  it('repairs a node in namespaces that has lost a supervisor', async () => {
    for (const part of ['agent', 'containerd']) {
      const component = `node/badn-2/${part}`
      for (const pid of processesOf(`CANOPUS_COMPONENT=supervisor/${component}\0`)) process.kill(pid, 'SIGKILL')
      const { pid } = (await components()).find(each => each.component === component)!
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await until(`${component} is down`, async () =>
        (await components()).some(each => each.component === component && each.state === 'stopped'),
      )
      await cluster.up()
      const repaired = (await components()).find(each => each.component === component)
      assert.equal(repaired?.state, 'running', component)
      await kubectl.wait('node/badn-2', 'condition=Ready')
    }
  })

  it('comes back after a reboot of the machine', async () => {
    await kubectl.run(['create', 'configmap', 'kept', '--from-literal=a=b'])
    const { runDirectory, bridge, slot } = JSON.parse(readFileSync(join(cluster.home, 'index/badn.json'), 'utf8'))
    for (let left = processesOf('CANOPUS_CLUSTER=badn'); left.length > 0; left = processesOf('CANOPUS_CLUSTER=badn'))
      for (const pid of left) spawnSync('kill', ['-9', String(pid)])
    spawnSync('umount', ['--recursive', '--lazy', join(runDirectory, 'ns')])
    rmSync(runDirectory, { recursive: true, force: true })
    spawnSync('ip', ['link', 'delete', bridge])
    for (const table of [`canopus${slot}`, `canopus${slot}_services`])
      spawnSync('nft', ['delete', 'table', 'ip', table])
    await cluster.up()
    await kubectl.run(['get', 'configmap', 'kept'])
    for (const node of ['badn', 'badn-2']) await kubectl.wait(`node/${node}`, 'condition=Ready')
  })

  it('works beside another cluster, which its end leaves alone', async () => {
    const other = new TestCluster('badm')
    try {
      await other.up()
      await cluster.command('delete')
      assert.deepEqual(
        traces(cluster.home).filter(line => !line.startsWith('process')),
        [],
      )
      assert.match(await other.kubectl.run(['get', 'nodes']), /badm\s+Ready/)
    } finally {
      await other.remove()
    }
  })
})
