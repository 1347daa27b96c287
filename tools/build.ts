/**
 * Makes `dist/program.cjs`: one file with everything, which starts several times faster than the sources; its bytecode beside it;
 * and `dist/canopus.cjs`, which starts it.
 */
import { execFileSync } from 'node:child_process'
import { globSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type OutputFile } from 'esbuild'
import { replaceFile } from '../packages/cmd/src/compiled-program.ts'
import { writeDescriptions } from './schema/descriptions.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

const PROGRAM = `${root}dist/program.cjs`
const START = `${root}dist/canopus.cjs`

/**
 * Bundles the command, compiles it and last of all makes what starts it. The files appear whole: a command that starts
 * meanwhile sees the old ones, and one that builds at the same time makes the same.
 */
export async function buildBundle(): Promise<void> {
  const start = performance.now()
  const begun = new Date()
  const program = await bundle('packages/cmd/src/bin.ts', PROGRAM, { external: ['pino-pretty'], sourcemap: 'linked' })
  for (const { path, text } of program) if (path === PROGRAM) refuseWideText(text)
  const starter = await bundle('packages/cmd/src/start.ts', START)
  for (const code of globSync(`${PROGRAM}.*.code`)) rmSync(code, { force: true })
  for (const { path, contents } of program) replaceFile(path, contents)
  keepCode()
  // Sources that change meanwhile must count as newer.
  for (const { path, contents } of starter) replaceFile(path, contents, begun)
  console.log(`Built dist/canopus.cjs in ${((performance.now() - start) / 1000).toFixed(1)} s.`)
}

async function bundle(entry: string, outfile: string, more: BuildOptions = {}): Promise<OutputFile[]> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    keepNames: false,
    // Every process holds the text of the bundle as long as it lives; names stay, for stack traces.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'error',
    loader: { '.sh': 'text' },
    ...more,
  })
  return outputFiles!
}

/** Bytecode of all that runs while the program starts. */
function keepCode(): void {
  const args = ['--disable-warning=ExperimentalWarning', `${root}tools/keep-code.ts`, PROGRAM, '--help']
  execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

/**
 * One character beyond Latin-1 makes V8 hold the whole text in two bytes for each, some 5 MB more in every process. esbuild
 * escapes them in strings, but not in regular expressions.
 */
function refuseWideText(text: string): void {
  const found = /.{0,40}[^\0-\xff].{0,40}/u.exec(text)
  if (found !== null) throw new Error(`write characters beyond Latin-1 as \\uXXXX in regular expressions: ${found[0]}`)
}

if (import.meta.main) {
  await buildBundle()
  writeDescriptions()
}
