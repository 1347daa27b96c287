import { accessSync, constants } from 'node:fs'
import { tryRun } from '@canopus/platform'
import { Failure } from '../failure.ts'
import type { Progress } from '../progress.ts'

interface HostProgram {
  /** Any of these makes the package unnecessary. */
  paths: readonly string[]
  debianPackage: string
}

/** What a node needs of the machine, and the Debian package that brings it. */
const NEEDED: readonly HostProgram[] = [
  { paths: ['/usr/bin/containerd', '/usr/local/bin/containerd'], debianPackage: 'containerd' },
  { paths: ['/usr/sbin/runc', '/usr/bin/runc', '/usr/local/sbin/runc'], debianPackage: 'runc' },
  { paths: ['/usr/lib/cni/ptp', '/opt/cni/bin/ptp'], debianPackage: 'containernetworking-plugins' },
  { paths: ['/usr/sbin/nft', '/sbin/nft'], debianPackage: 'nftables' },
  { paths: ['/usr/sbin/iptables', '/sbin/iptables'], debianPackage: 'iptables' },
  { paths: ['/usr/sbin/conntrack', '/sbin/conntrack'], debianPackage: 'conntrack' },
  { paths: ['/usr/sbin/ip', '/sbin/ip', '/bin/ip'], debianPackage: 'iproute2' },
  { paths: ['/usr/bin/nsenter'], debianPackage: 'util-linux' },
  { paths: ['/usr/bin/mount', '/bin/mount'], debianPackage: 'mount' },
]

/** The first of the paths that is a program. */
export function programAt(paths: readonly string[]): string | undefined {
  return paths.find(path => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Where the programs are that containers need. Throws `Failure` where one is missing. */
export function runtimePrograms(): { containerd: string; runc: string; cniDirectory: string } {
  const find = (index: number): string => {
    const program = programAt(NEEDED[index]!.paths)
    if (program === undefined)
      throw new Failure(`${NEEDED[index]!.debianPackage} is not installed`, 'Run `canopus up` as root, or install it.')
    return program
  }
  return { containerd: find(0), runc: find(1), cniDirectory: find(2).replace(/\/ptp$/, '') }
}

/** Installs what is missing through apt. Throws `Failure`, saying what to install by hand, where that does not work. */
export async function ensureHostPackages(progress: Progress): Promise<void> {
  const missing = NEEDED.filter(each => programAt(each.paths) === undefined).map(each => each.debianPackage)
  if (missing.length > 0) await installPackages(missing, progress)
}

/** Installs Debian packages, refreshing apt's lists where it does not know them yet. */
export async function installPackages(packages: readonly string[], progress: Progress): Promise<void> {
  if (programAt(['/usr/bin/apt-get']) === undefined)
    throw new Failure(
      `missing on this machine: ${packages.join(', ')}`,
      'There is no apt-get here: install them with your package manager and run the command again.',
    )
  await progress.step(`Installing ${packages.join(', ')}`, async detail => {
    const install = (): Promise<{ code: number; stderr: string }> =>
      tryRun('apt-get', ['install', '-y', '--no-install-recommends', ...packages], {
        env: { DEBIAN_FRONTEND: 'noninteractive' },
        onOutput: text => detail(text.trim().split('\n').at(-1)?.slice(0, 60) ?? ''),
      })
    let result = await install()
    if (result.code !== 0) {
      detail('refreshing the package lists')
      await tryRun('apt-get', ['update'])
      result = await install()
    }
    if (result.code !== 0)
      throw new Failure(
        `${packages.join(', ')} could not be installed: ${lastLine(result.stderr) || `apt-get ended with status ${result.code}`}`,
        `Install by hand: apt-get install ${packages.join(' ')}`,
      )
  })
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''
