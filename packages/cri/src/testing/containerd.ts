import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Clock, sleep } from '@canopus/base'
import { systemClock, tryRun } from '@canopus/platform'
import { type Cri, connectCri } from '../client.ts'
import { containerdConfig } from '../containerd/config.ts'
import { importImage } from '../containerd/import-image.ts'
import { mayLowerOomScore } from '../containerd/oom-score.ts'
import { PAUSE_IMAGE, pauseImage } from '../images/pause.ts'
import { runtimeNotReady } from '../runtime-readiness.ts'

const NEEDED = ['/usr/bin/containerd', '/usr/bin/ctr', '/usr/sbin/runc', '/usr/lib/cni/ptp']
/** Why a test that needs real containers cannot run here, or `undefined` where it can. */
export function whyNoContainerd(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root'
  const missing = NEEDED.filter(path => !isExecutable(path))
  return missing.length > 0 ? `needs ${missing.join(', ')}` : undefined
}

/** A containerd of the test's own, in a temporary directory, with a pod network of its own. */
export interface TestContainerd {
  readonly directory: string
  readonly socket: string
  readonly cri: Cri
  /** Ends the daemon at once, as a crash would. Containers keep running. */
  crash(): Promise<void>
  /** Starts the daemon (again) on the same directories. */
  start(): Promise<void>
  import(image: Buffer): Promise<void>
  /** Removes every pod, ends the daemon and deletes the directory. */
  stop(): Promise<void>
}

export async function startContainerd(clock: Clock = systemClock): Promise<TestContainerd> {
  const directory = mkdtempSync(join(tmpdir(), 'containerd-'))
  const socket = join(directory, 'c.sock')
  writeConfiguration(directory, socket)
  let child: ChildProcess | undefined
  const cri = connectCri(socket, clock)

  const start = async (): Promise<void> => {
    const log = openSync(join(directory, 'containerd.log'), 'a')
    child = spawn('/usr/bin/containerd', ['--config', join(directory, 'config.toml')], { stdio: ['ignore', log, log] })
    await untilReady(cri, clock)
  }
  const crash = async (): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null) return
    const gone = new Promise(resolve => running.once('exit', resolve))
    running.kill('SIGKILL')
    await gone
  }
  await start()
  await importImage(socket, await pauseImage())
  return {
    directory,
    socket,
    cri,
    start,
    crash,
    import: image => importImage(socket, image),
    async stop() {
      if (child === undefined) await start()
      try {
        await removeAllPods(cri)
      } finally {
        // One that went on would keep the test's process from ending.
        cri.close()
        await crash()
      }
      await unmountBelow(directory)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function writeConfiguration(directory: string, socket: string): void {
  for (const name of ['root', 'run', 'cni', 'certs.d']) mkdirSync(join(directory, name))
  const config = containerdConfig({
    root: join(directory, 'root'),
    state: join(directory, 'run'),
    socket,
    cniBinDir: '/usr/lib/cni',
    cniConfDir: join(directory, 'cni'),
    certsDir: join(directory, 'certs.d'),
    sandboxImage: PAUSE_IMAGE,
    cgroupDriver: 'cgroupfs',
    runtimes: [{ name: 'runc', path: '/usr/sbin/runc' }],
    mayLowerOomScore: mayLowerOomScore(),
  })
  writeFileSync(join(directory, 'config.toml'), config)
  const subnet = `10.199.${process.pid % 250}.0/24`
  const ipam = {
    type: 'host-local',
    dataDir: join(directory, 'run/ipam'),
    ranges: [[{ subnet }]],
    routes: [{ dst: '0.0.0.0/0' }],
  }
  const plugins = [{ type: 'ptp', ipMasq: false, ipam }]
  writeFileSync(join(directory, 'cni/10-test.conflist'), JSON.stringify({ cniVersion: '1.0.0', name: 'test', plugins }))
}

async function untilReady(cri: Cri, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + 60_000
  for (let why: unknown; ; ) {
    try {
      const { status } = await cri.status({}, { deadline: 2_000 })
      why = runtimeNotReady(status?.conditions ?? [])
      if (why === undefined) return
    } catch (error) {
      why = error
    }
    if (clock.monotonic() > deadline) throw new Error('containerd is not ready', { cause: why })
    await sleep(clock, 20)
  }
}

async function removeAllPods(cri: Cri): Promise<void> {
  const { items } = await cri.listPodSandbox()
  for (const { id } of items) {
    await cri.stopPodSandbox({ podSandboxId: id })
    await cri.removePodSandbox({ podSandboxId: id })
  }
}

/** Takes away what was left mounted (network namespaces, layers), innermost first. */
async function unmountBelow(directory: string): Promise<void> {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(point => point.startsWith(`${directory}/`))
  for (const point of points.reverse()) await tryRun('umount', ['--lazy', point])
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
