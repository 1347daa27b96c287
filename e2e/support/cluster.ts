import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProcesses, markOf } from '../../packages/cli/src/cluster/processes.ts'
import { Kubectl } from './kubectl.ts'
import { HOME_PREFIX, markHome, removeLeftClusters } from './left-clusters.ts'
import { TestRegistry } from './registry.ts'

export { freePort, freePorts } from '../../packages/store/src/testing/index.ts'

const launcher = fileURLToPath(new URL('../../canopus', import.meta.url))

/** Why tests with real containers cannot run here, or `false` where they can. */
export function containerSkip(): string | false {
  if (process.platform !== 'linux') return 'needs Linux'
  return process.getuid?.() === 0 ? false : 'needs root'
}

export interface CommandResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs `./canopus` with a home of its own. */
export function canopus(home: string, args: readonly string[], timeout = 300_000): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(launcher, args, {
      env: { ...process.env, CANOPUS_HOME: home },
      timeout,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code: code ?? 137, stdout, stderr }))
  })
}

/** A real cluster for a test file, in directories of its own, with a registry that has the images of `images/`. */
export class TestCluster {
  readonly name: string
  readonly home: string
  readonly kubeconfig: string
  readonly kubectl: Kubectl
  readonly registry = new TestRegistry()

  constructor(name: string) {
    this.name = name
    this.home = mkdtempSync(join(tmpdir(), HOME_PREFIX))
    markHome(this.home)
    this.kubeconfig = join(this.home, 'kubeconfig')
    this.kubectl = new Kubectl(this.kubeconfig)
  }

  /** `canopus <args> --name <this cluster>`; throws with its output where it fails. */
  async command(...args: string[]): Promise<CommandResult> {
    const result = await this.tryCommand(...args)
    if (result.code !== 0)
      throw new Error(
        `canopus ${args.join(' ')}: status ${result.code}\n${result.stderr}${result.stdout}${await this.logs()}`,
      )
    return result
  }

  tryCommand(...args: string[]): Promise<CommandResult> {
    return canopus(this.home, [...args, '--name', this.name])
  }

  /** Starts the registry, building its images where that was not done before. `up` does it too. */
  async prepare(): Promise<void> {
    await removeLeftClusters((home, name) => canopus(home, ['delete', '--ignore-not-found', '--name', name]))
    await this.registry.start()
  }

  async up(...flags: string[]): Promise<CommandResult> {
    await this.prepare()
    const mirror = `*=${this.registry.url}`
    return this.command(
      'up',
      '--kubeconfig',
      this.kubeconfig,
      '--registry-mirror',
      mirror,
      '--pod-egress',
      'none',
      ...flags,
    )
  }

  /** Removes the cluster, the registry and every file, also after a failure. */
  async remove(): Promise<void> {
    const result = await this.tryCommand('delete', '--ignore-not-found')
    this.registry.stop()
    // Without its home nobody could remove what is left.
    if (result.code !== 0) throw new Error(`canopus delete: ${result.stderr} (CANOPUS_HOME=${this.home})`)
    rmSync(this.home, { recursive: true, force: true })
  }

  /** Kills the first process of a node in namespaces, found from any process on the node: everything on the node is gone at once. */
  powerOff(node: string, processOnNode: number): void {
    for (let pid = processOnNode; pid > 1; pid = parentOf(pid)) {
      const insideIds = /^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
      if (insideIds?.[1] === '1') return void process.kill(pid, 'SIGKILL')
    }
    throw new Error(`${node} has no first process above ${processOnNode}`)
  }

  /** SIGKILL for every component and supervisor; the containers and their shims are left. */
  killEverything(): void {
    const ours = findProcesses(markOf(this.description())).filter(each => each.program !== 'containerd-shim')
    const supervisors = ours.filter(each => each.component.startsWith('supervisor/'))
    for (const each of [...supervisors, ...ours.filter(own => !supervisors.includes(own))])
      process.kill(each.pid, 'SIGKILL')
  }

  /** What the cluster is, as `canopus` keeps it. */
  description(): { name: string; slot: number } {
    return JSON.parse(readFileSync(join(this.home, 'index', `${this.name}.json`), 'utf8'))
  }

  async logs(): Promise<string> {
    return (await canopus(this.home, ['logs', '--name', this.name, '--tail', '40'])).stdout
  }
}

function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
}
