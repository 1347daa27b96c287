/**
 * What controllers and the scheduler do, seen through kubectl: cases for the newest kubectl of this machine, on a cluster inside this
 * process whose nodes are simulated. Pods run, end and fail as their annotations say (packages/testing/src/simulated-pod.ts).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startCluster, type TestCluster } from '@canopus/testing'
import { kubectlsByVersion } from '../../e2e/support/kubectl.ts'
import { parseCases } from './case-file.ts'
import { type Bench, benchOf, runCase } from './run-case.ts'

const FOLDER = fileURLToPath(new URL('with-nodes', import.meta.url))
const wanted = process.env.CANOPUS_KUBECTL_CASES
const AT_ONCE = 4

/** Three alike, and one that is left to the cases that taint it. */
const NODES = {
  nodes: 3,
  simulation: { nodes: [{ name: 'apart', taints: [{ key: 'apart', effect: 'NoSchedule' }] }] },
}

describe('kubectl with nodes', {
  skip: process.platform !== 'linux' && 'needs Linux',
  concurrency: AT_ONCE,
}, () => {
  const links = mkdtempSync(join(tmpdir(), 'canopus-kubectl-bin-'))
  let cluster: TestCluster
  let bench: Bench

  before(async () => {
    cluster = await startCluster(NODES)
    const [newest] = kubectlsByVersion()
    bench = benchOf(newest!.program, cluster.kubeconfig, links)
  })
  after(async () => {
    await cluster?.stop()
    rmSync(links, { recursive: true, force: true })
  })

  for (const file of readdirSync(FOLDER).sort()) {
    const name = file.replace(/\.\w+$/, '')
    for (const each of parseCases(readFileSync(join(FOLDER, file), 'utf8'), file)) {
      if (wanted !== undefined && !`${name}:${each.line}`.includes(wanted)) continue
      it(`${file}: ${each.title}`, () => runCase(each, `n-${name}-${each.line}`, bench))
    }
  }
})
