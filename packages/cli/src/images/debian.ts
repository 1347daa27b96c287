import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import type { ImageFile } from '@canopus/cri'
import { run, tryRun } from '@canopus/platform'
import { Failure } from '../failure.ts'

/** Debian's name of the machine's processor, and where its libraries lie. */
export function debianArchitecture(arch: string = process.arch): {
  oci: 'amd64' | 'arm64'
  triple: string
  loader: string
} {
  if (arch === 'x64') return { oci: 'amd64', triple: 'x86_64-linux-gnu', loader: 'lib64/ld-linux-x86-64.so.2' }
  if (arch === 'arm64') return { oci: 'arm64', triple: 'aarch64-linux-gnu', loader: 'lib/ld-linux-aarch64.so.1' }
  throw new Failure(`images cannot be packed on a machine of type ${arch}`)
}

/** Packages and the libraries they depend on, downloaded and unpacked below `directory/root`. Nothing is installed. */
export async function unpackPackages(packages: readonly string[], directory: string): Promise<string> {
  if (!existsSync('/usr/bin/apt-get'))
    throw new Failure('images are packed from Debian packages, and there is no apt-get here')
  const cache = join(directory, 'debs')
  const root = join(directory, 'root')
  for (const each of [cache, join(cache, 'partial'), root]) mkdirSync(each, { recursive: true })
  const wanted = await withLibraries(packages)
  const download = (): ReturnType<typeof tryRun> =>
    tryRun('apt-get', ['download', '-o', 'APT::Sandbox::User=root', ...wanted], { cwd: cache })
  let result = await download()
  if (result.code !== 0) {
    await run('apt-get', ['update'])
    result = await download()
  }
  if (result.code !== 0)
    throw new Failure(`Debian packages could not be downloaded: ${result.stderr.trim().split('\n').at(-1)}`)
  for (const file of readdirSync(cache).filter(name => name.endsWith('.deb')))
    await run('dpkg', ['-x', join(cache, file), root])
  return root
}

async function withLibraries(packages: readonly string[]): Promise<string[]> {
  const only = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(kind => `--no-${kind}`)
  let text = await tryRun('apt-cache', ['depends', '--recurse', '--important', ...only, ...packages])
  if (text.code !== 0) {
    await run('apt-get', ['update'])
    text = await tryRun('apt-cache', ['depends', '--recurse', '--important', ...only, ...packages])
  }
  if (text.code !== 0)
    throw new Failure(`apt knows no package ${packages.join(' or ')}`, text.stderr.trim().split('\n').at(-1))
  const names = text.stdout.split('\n').filter(line => /^[a-z0-9]/.test(line) && !line.includes(':'))
  return [...new Set([...packages, ...names.filter(name => /^z?lib/.test(name) && !/perl|debconf/.test(name))])]
}

/** The programs of an unpacked root with every shared library that they need, at their own paths. */
export async function programFiles(root: string, programs: readonly string[]): Promise<ImageFile[]> {
  const { triple, loader } = debianArchitecture()
  const files = new Map<string, ImageFile>()
  for (const program of programs) {
    add(files, root, program)
    const libraries = [`${root}/lib/${triple}`, `${root}/usr/lib/${triple}`].join(':')
    const listed = await tryRun(realpathSync(join(root, loader)), [
      '--library-path',
      libraries,
      '--list',
      realpathSync(join(root, program)),
    ])
    if (listed.code !== 0) continue // a static program
    for (const [, path = ''] of listed.stdout.matchAll(/ => (\/\S+) \(0x/g)) {
      if (basename(path) === basename(loader)) continue
      // The loader also finds this machine's libraries; an image that relied on them would not start.
      if (!path.startsWith(`${root}/`)) throw new Failure(`${program} needs ${path}, which is in none of the packages`)
      add(files, root, `/${relative(root, path)}`)
    }
    const real = realpathSync(join(root, loader))
    files.set(loader, { path: loader, mode: 0o755, content: readFileSync(real) })
  }
  if (programs.length > 0)
    for (const name of ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'])
      if (existsSync(join(root, 'lib', triple, name))) add(files, root, `/lib/${triple}/${name}`)
  return [...files.values()]
}

/** Adds a file under its own name; a link becomes the file that it leads to. */
export function add(files: Map<string, ImageFile>, root: string, path: string): void {
  const real = realpathSync(join(root, path))
  const name = path.replace(/^\//, '')
  files.set(name, { path: name, mode: statSync(real).mode & 0o7777, content: readFileSync(real) })
}

/** busybox and a link for each of its commands that is not there by another name. */
export async function busyboxFiles(root: string, taken: ReadonlySet<string>): Promise<ImageFile[]> {
  const program = ['bin/busybox', 'usr/bin/busybox'].map(path => join(root, path)).find(path => existsSync(path))
  if (program === undefined) return []
  const commands = (await run(realpathSync(program), ['--list'])).trim().split('\n')
  const free = commands.filter(
    command => !['bin', 'usr/bin', 'sbin', 'usr/sbin'].some(directory => taken.has(`${directory}/${command}`)),
  )
  return [
    { path: 'bin/busybox', mode: 0o755, content: readFileSync(program) },
    ...free.filter(command => command !== 'busybox').map(command => ({ path: `bin/${command}`, target: 'busybox' })),
  ]
}

/** Every directory above the files, outermost first, that is not listed itself. */
export function parentDirectories(files: readonly ImageFile[]): ImageFile[] {
  const known = new Set(files.map(file => file.path))
  const parents = new Set<string>()
  for (const file of files)
    for (let path = dirname(file.path); path !== '.'; path = dirname(path)) if (!known.has(path)) parents.add(path)
  return [...parents].sort().map(path => ({ path }))
}
