/** Clusters of test processes that were killed: nobody else would remove their nodes, rules and files. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DaemonIdentity, isRunning, startTimeOf } from '../../packages/platform/src/index.ts'

export const HOME_PREFIX = 'canopus-e2e-'

const MARK = 'test-process.json'

/** Notes in a cluster's home which process it belongs to. */
export function markHome(home: string): void {
  const owner: DaemonIdentity = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' }
  writeFileSync(join(home, MARK), JSON.stringify(owner))
}

/** Homes below `directory` whose test process is gone, with the names of the clusters in them. */
export function leftHomes(directory = tmpdir()): { home: string; clusters: string[] }[] {
  return readdirSync(directory)
    .filter(name => name.startsWith(HOME_PREFIX))
    .map(name => join(directory, name))
    .filter(isLeft)
    .map(home => ({ home, clusters: clustersIn(home) }))
}

/** Removes them with `remove`, which gets a home and the name of a cluster in it. What cannot be removed is told and left. */
export async function removeLeftClusters(
  remove: (home: string, cluster: string) => Promise<{ code: number; stderr: string }>,
  directory = tmpdir(),
  tell: (message: string) => void = console.error,
): Promise<void> {
  for (const { home, clusters } of leftHomes(directory)) {
    const failed: string[] = []
    for (const cluster of clusters) {
      const { code, stderr } = await remove(home, cluster)
      if (code !== 0) failed.push(`cluster "${cluster}" in ${home} is left by a test that was killed: ${stderr}`)
    }
    for (const message of failed) tell(message)
    if (failed.length === 0) rmSync(home, { recursive: true, force: true })
  }
}

function isLeft(home: string): boolean {
  try {
    return !isRunning(JSON.parse(readFileSync(join(home, MARK), 'utf8')) as DaemonIdentity)
  } catch {
    return false // no home of a test, or one that is being made or removed
  }
}

function clustersIn(home: string): string[] {
  const index = join(home, 'index')
  if (!existsSync(index)) return []
  return readdirSync(index).flatMap(file => /^(.+)\.json$/.exec(file)?.[1] ?? [])
}
