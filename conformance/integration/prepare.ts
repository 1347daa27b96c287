/**
 * Makes Go modules in which upstream's integration tests start an API server as a child: `prepare.ts DIRECTORY [VERSION]`.
 * `DIRECTORY/kubernetes` is for the tests of `k8s.io/kubernetes`, `DIRECTORY/apiextensions` for those of that module. Upstream's
 * sources are copied beside them and stay as they are: the files that start a server are replaced by `go build -overlay overlay.json`,
 * which refuses to replace files of the module cache. Where `CANOPUS_UPSTREAM` names a copy of `k8s.io/kubernetes`, that is taken.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { EDITS, edited } from './edits.ts'

function moduleDirectory(module: string, version: string): string {
  const told = execFileSync('go', ['mod', 'download', '-json', `${module}@${version}`], { encoding: 'utf8', cwd: '/' })
  return (JSON.parse(told) as { Dir: string }).Dir
}

/** A copy that may be written: modules' files are read-only. */
function copied(from: string, to: string): string {
  if (existsSync(to)) return to
  cpSync(from, to, { recursive: true })
  execFileSync('chmod', ['-R', 'u+w', to])
  return to
}

/** The staging modules that `k8s.io/kubernetes` replaces by directories are replaced by those that are published. */
function goMod(upstream: string, version: string, directories: Readonly<Record<string, string>>): string {
  const staging = version.replace(/^v1/, 'v0')
  const names = readFileSync(join(upstream, 'go.mod'), 'utf8').matchAll(
    /^\t(k8s\.io\/\S+) (?:=> \.\/staging|v0\.0\.0$|v0\.3\d\.\d+$)/gm,
  )
  const replaced = [...new Set([...names].map(([, name]) => name ?? ''))].filter(
    name => directories[name] === undefined,
  )
  const lines = [
    ...replaced.map(name => `${name} => ${name} ${staging}`),
    ...Object.entries(directories).map(([name, directory]) => `${name} => ${directory}`),
  ]
  return `module canopus.test\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes ${version}\n\nreplace (\n${lines.map(line => `\t${line}\n`).join('')})\n`
}

function prepare(directory: string, module: string, source: string, mod: string): void {
  mkdirSync(join(directory, 'overlay'), { recursive: true })
  cpSync(join(import.meta.dirname, 'child'), join(directory, 'child'), { recursive: true })
  writeFileSync(join(directory, 'go.mod'), mod)
  const replace: Record<string, string> = {}
  for (const [index, edit] of EDITS.filter(each => each.module === module).entries()) {
    const original = join(source, edit.file)
    const copy = join(directory, `overlay/${index}.go`)
    writeFileSync(copy, edited(readFileSync(original, 'utf8'), edit))
    replace[original] = copy
  }
  writeFileSync(join(directory, 'overlay.json'), JSON.stringify({ Replace: replace }, null, 2))
}

function main(directory: string, version: string): void {
  const original = moduleDirectory('k8s.io/kubernetes', version)
  mkdirSync(directory, { recursive: true })
  const upstream = process.env.CANOPUS_UPSTREAM ?? copied(original, join(directory, 'upstream-kubernetes'))
  const extensions = moduleDirectory('k8s.io/apiextensions-apiserver', version.replace(/^v1/, 'v0'))
  const copy = copied(extensions, join(directory, 'upstream-apiextensions'))
  prepare(
    join(directory, 'kubernetes'),
    'k8s.io/kubernetes',
    upstream,
    goMod(original, version, { 'k8s.io/kubernetes': upstream }),
  )
  const mod = goMod(original, version, { 'k8s.io/apiextensions-apiserver': copy })
  prepare(join(directory, 'apiextensions'), 'k8s.io/apiextensions-apiserver', copy, mod)
}

main(resolve(process.argv[2] ?? 'integration'), process.argv[3] ?? 'v1.36.1')
