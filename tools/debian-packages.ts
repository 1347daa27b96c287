/**
 * Packages of Debian's unstable suite, fetched with an apt configuration of its own: nothing is installed and the machine's
 * package lists stay as they are. The mirror is the one the machine already uses.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** The first Debian mirror among the machine's apt sources (both file forms). Throws where there is none. */
function debianMirror(): string {
  const folder = '/etc/apt/sources.list.d'
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map(file => join(folder, file)) : []),
  ]
  for (const file of files.filter(existsSync)) {
    const text = readFileSync(file, 'utf8').replace(/^\s*#.*$/gm, '')
    for (const [, url] of text.matchAll(/^\s*(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+)/gm))
      if (/\/debian\/?$/.test(url!)) return url!
  }
  throw new Error('no Debian mirror in /etc/apt: packages of its unstable suite cannot be fetched')
}

/** Downloads and unpacks the packages, calls `use` with the root they were unpacked to, and removes everything again. */
export function withDebianPackages(packages: readonly string[], use: (root: string) => void): void {
  const work = mkdtempSync(join(tmpdir(), 'canopus-debian-'))
  try {
    for (const folder of ['lists/partial', 'cache/archives/partial', 'unpacked'])
      mkdirSync(join(work, folder), { recursive: true })
    writeFileSync(join(work, 'status'), '')
    writeFileSync(join(work, 'sources.list'), `deb [signed-by=${KEYRING}] ${debianMirror()} sid main\n`)
    const settings = {
      'Dir::Etc::sourcelist': join(work, 'sources.list'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::State': work,
      // What is installed must not matter: a newer version from elsewhere would be preferred, and is not to be had here.
      'Dir::State::status': join(work, 'status'),
      'Dir::Cache': join(work, 'cache'),
      'APT::Sandbox::User': 'root',
      'APT::Default-Release': 'sid',
      // A mirror that stands still for some weeks has what tests need all the same; its signature is verified.
      'Acquire::Check-Valid-Until': 'false',
    }
    const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`)
    writeFileSync(join(work, 'apt.conf'), lines.join(''))
    const options = {
      cwd: work,
      env: { ...process.env, APT_CONFIG: join(work, 'apt.conf') },
      stdio: ['ignore', 'inherit', 'inherit'] as ['ignore', 'inherit', 'inherit'],
    }
    execFileSync('apt-get', ['-q', 'update'], options)
    execFileSync('apt-get', ['-q', 'download', ...packages], options)
    for (const file of readdirSync(work).filter(name => name.endsWith('.deb')))
      execFileSync('dpkg', ['-x', file, 'unpacked'], options)
    use(join(work, 'unpacked'))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
