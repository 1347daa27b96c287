/**
 * What kubectl does with a cluster: every case with the newest kubectl of this machine, the short ones with the others.
 * Runs against a cluster in this process, or against the one of the kubeconfig in `CANOPUS_KUBECTL_SUITE`.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startCluster, type TestCluster } from '@canopus/testing'
import { kubectlsByVersion } from '../../e2e/support/kubectl.ts'
import { type Case, parseCases } from './case-file.ts'
import { type Bench, benchOf, runCase } from './run-case.ts'

const FOLDER = fileURLToPath(new URL('cases', import.meta.url))
const files = readdirSync(FOLDER).sort()
const wanted = process.env.CANOPUS_KUBECTL_CASES
const AT_ONCE = 4

const nameFor = (minor: number, file: string, each: Case): string =>
  `k${minor}-${file.replace(/\.\w+$/, '').replaceAll(/[^a-z0-9]+/g, '-')}-${each.line}`

/** `CANOPUS_KUBECTL_CASES=apply` or `apply:12` runs one file or the case of one line. */
const isWanted = (file: string, each: Case): boolean =>
  wanted === undefined || `${file.replace(/\.\w+$/, '')}:${each.line}`.includes(wanted)

interface Target {
  kubeconfig: string
  stop(): Promise<void>
}

async function target(): Promise<Target> {
  const given = process.env.CANOPUS_KUBECTL_SUITE
  if (given) return { kubeconfig: given, stop: () => Promise.resolve() }
  const cluster: TestCluster = await startCluster()
  return { kubeconfig: cluster.kubeconfig, stop: () => cluster.stop() }
}

describe('kubectl', { skip: process.platform !== 'linux' && 'needs Linux' }, () => {
  const benches = new Map<string, Bench>()
  const links = mkdtempSync(join(tmpdir(), 'canopus-kubectl-bin-'))
  const versions = kubectlsByVersion()
  let cluster: Target

  before(async () => {
    cluster = await target()
    for (const { program } of versions) benches.set(program, benchOf(program, cluster.kubeconfig, links))
  })
  after(async () => {
    await cluster?.stop()
    rmSync(links, { recursive: true, force: true })
  })

  for (const [index, { minor, program }] of versions.entries())
    describe(`kubectl 1.${minor}`, { concurrency: AT_ONCE }, () => {
      for (const file of files) {
        const cases = parseCases(readFileSync(join(FOLDER, file), 'utf8'), file)
        const chosen = cases.filter(
          each => (index === 0 ? isWanted(file, each) : wanted === undefined && each.smoke) && each.since <= minor,
        )
        for (const each of chosen)
          it(`${file}: ${each.title}`, () => runCase(each, nameFor(minor, file, each), benches.get(program)!))
      }
    })

  it('there is a kubectl of the newest version', () => {
    assert.ok(versions[0] && versions[0].minor >= 33)
  })
})
