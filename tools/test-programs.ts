/** Programs that tests start: installed from Debian packages where they are missing and we may. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const PROGRAMS: readonly { paths: readonly string[]; debianPackage: string }[] = [
  { paths: ['/usr/bin/containerd'], debianPackage: 'containerd' },
  { paths: ['/usr/sbin/runc', '/usr/bin/runc'], debianPackage: 'runc' },
  { paths: ['/usr/lib/cni/ptp', '/opt/cni/bin/ptp'], debianPackage: 'containernetworking-plugins' },
  { paths: ['/usr/sbin/nft'], debianPackage: 'nftables' },
  { paths: ['/usr/sbin/iptables'], debianPackage: 'iptables' },
  { paths: ['/usr/sbin/conntrack'], debianPackage: 'conntrack' },
  { paths: ['/usr/bin/busybox', '/bin/busybox'], debianPackage: 'busybox-static' },
  { paths: ['/usr/bin/etcd'], debianPackage: 'etcd-server' },
  { paths: ['/usr/bin/dig'], debianPackage: 'bind9-dnsutils' },
  { paths: ['/usr/bin/curl'], debianPackage: 'curl' },
  { paths: ['/usr/bin/jq'], debianPackage: 'jq' },
]

/** Installs what is missing with apt. Where that cannot be, the tests that need a program skip and say so. */
export async function installTestPrograms(): Promise<void> {
  const missing = PROGRAMS.filter(each => !each.paths.some(path => existsSync(path))).map(each => each.debianPackage)
  if (missing.length === 0 || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return
  console.log(`Installing ${missing.join(', ')} ...`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const install = (): number | null =>
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    }).status
  if (install() === 0) return
  spawnSync('apt-get', ['update'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  if (install() !== 0) console.log(`could not install ${missing.join(', ')}: tests that need them will be skipped`)
}
