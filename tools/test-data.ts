/** Upstream's data that tests compare with: published as Go modules, fetched where there is a Go toolchain. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { moduleCache, TEST_DATA_MODULES } from '../packages/api/src/testing/test-data.ts'

/** Where modules cannot be had, the tests that need them skip and say so. */
export function fetchTestData(): void {
  const missing = TEST_DATA_MODULES.filter(module => !existsSync(join(moduleCache(), module)))
  if (missing.length === 0 || spawnSync('go', ['version']).status !== 0) return
  console.log(`Fetching ${missing.join(', ')} ...`)
  // Outside of any module, so that no go.mod is asked or changed.
  const cwd = mkdtempSync(join(tmpdir(), 'canopus-test-data-'))
  const env = { ...process.env, GOMODCACHE: moduleCache(), GOFLAGS: '-mod=mod' }
  const { status, stderr } = spawnSync('go', ['mod', 'download', ...missing], { cwd, env, timeout: 120_000 })
  rmSync(cwd, { recursive: true })
  if (status !== 0) console.log(`not all could be fetched, tests that need them will be skipped: ${stderr}`)
}
