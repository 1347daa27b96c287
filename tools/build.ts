/** Makes `dist/canopus.cjs`: one file with everything, which starts several times faster than the sources. */
import { readFileSync, renameSync, utimesSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { writeDescriptions } from './schema/descriptions.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Bundles the command into one CommonJS file with V8's compile cache switched on. The file appears whole: a command that
 * starts meanwhile sees the old one.
 */
export async function buildBundle(): Promise<void> {
  const start = performance.now()
  const begun = new Date()
  const output = `${root}dist/canopus.cjs`
  await build({
    absWorkingDir: root,
    entryPoints: ['packages/cmd/src/bin.ts'],
    outfile: `${output}.new`,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    external: ['pino-pretty'],
    keepNames: false,
    // Every process holds the text of the bundle as long as it lives; names stay, for stack traces.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'error',
    banner: { js: "require('node:module').enableCompileCache?.();" },
    loader: { '.sh': 'text' },
  })
  refuseWideText(`${output}.new`)
  // Sources that change meanwhile must count as newer.
  utimesSync(`${output}.new`, begun, begun)
  renameSync(`${output}.new`, output)
  renameSync(`${output}.new.map`, `${output}.map`)
  console.log(`Built dist/canopus.cjs in ${((performance.now() - start) / 1000).toFixed(1)} s.`)
}

/**
 * One character beyond Latin-1 makes V8 hold the whole text in two bytes for each, some 5 MB more in every process. esbuild
 * escapes them in strings, but not in regular expressions.
 */
function refuseWideText(file: string): void {
  const found = /.{0,40}[^\0-\xff].{0,40}/u.exec(readFileSync(file, 'utf8'))
  if (found !== null) throw new Error(`write characters beyond Latin-1 as \\uXXXX in regular expressions: ${found[0]}`)
}

if (import.meta.main) {
  await buildBundle()
  writeDescriptions()
}
