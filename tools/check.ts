/** Formatting, lint, types in both flavours, and the layers: everything that is checked without running the code. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { checkLayers } from './layers.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

function step(name: string, command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { cwd: root, stdio: 'inherit' })
    console.log(`ok      ${name}`)
    return true
  } catch {
    console.log(`FAILED  ${name}`)
    return false
  }
}

/** Runs every check; returns how many passed and failed. */
export function runChecks(): { passed: number; failed: number } {
  const results = [
    step('format and lint', 'biome', ['check', '--error-on-warnings', '.']),
    step('types', 'tsc', ['-p', 'tsconfig.json']),
    step('types of portable packages', 'tsc', ['-p', 'tsconfig.portable.json']),
    ...checkLayers(root).map(problem => {
      console.log(`FAILED  layers: ${problem}`)
      return false
    }),
  ]
  return { passed: results.filter(Boolean).length, failed: results.filter(result => !result).length }
}

if (import.meta.main) process.exitCode = runChecks().failed > 0 ? 1 : 0
