/** Upstream's published test data, which tests compare with where it is present. It is never part of the repository. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The path of `name` in $CANOPUS_TEST_DATA or `../shared/data` beside the repository; undefined where it is not there. */
export function testData(name: string): string | undefined {
  const root = process.env.CANOPUS_TEST_DATA ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url))
  const path = `${root}/${name}`
  return existsSync(path) ? path : undefined
}
