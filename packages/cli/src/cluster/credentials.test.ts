import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { type Clock, SimulatedClock, silentLogger } from '@canopus/base'
import { readKubeconfigUser } from '@canopus/host'
import { type ClusterPki, parseCertificate } from '@canopus/platform'
import { withDefaults } from './changes.ts'
import { newConfig, pathsOf } from './config.ts'
import { ensureCredentials, keepCredentials } from './credentials.ts'

const DAY = 86_400_000
const directory = mkdtempSync(join(tmpdir(), 'canopus-credentials-'))
after(() => rmSync(directory, { recursive: true }))
const config = newConfig(
  withDefaults({ name: 'kept', nodes: 1, mirrors: [] }),
  { root: directory, run: join(directory, 'run') },
  0,
)
const paths = pathsOf(config)
const node = paths.node('kept')
const kubeconfigs = [paths.adminKubeconfig, ...(['kubelet', 'proxy', 'dns', 'volumes'] as const).map(node.kubeconfig)]
const issued = (): string[] => [
  ...kubeconfigs.map(path => readKubeconfigUser(path).cert!),
  readFileSync(node.serving.certificate, 'utf8'),
]
/** Days that the shortest-lived of all certificates has left. */
const daysLeft = (now: number): number =>
  Math.min(...issued().map(certificate => (parseCertificate(certificate).notAfter - now) / DAY))

it('certificates are kept while they last, and issued anew before they end', async () => {
  const clock = new SimulatedClock({ start: Date.parse('2026-01-01T00:00:00Z') })
  const pki = await ensureCredentials(config, clock)
  const first = issued()
  await clock.advance(200 * DAY)
  await ensureCredentials(config, clock)
  assert.deepEqual(issued(), first)
  await clock.advance(100 * DAY)
  const renewed = await ensureCredentials(config, clock)
  assert.equal(renewed.ca.certificate, pki.ca.certificate)
  assert.notEqual(renewed.apiserver.certificate, pki.apiserver.certificate)
  assert.equal(issued().filter(certificate => first.includes(certificate)).length, 0)
  assert.ok(daysLeft(clock.now()) > 300)
  const { subject } = parseCertificate(readKubeconfigUser(node.kubeconfig('kubelet')).cert!)
  assert.deepEqual([subject.commonName, subject.organizations], ['system:node:kept', ['system:nodes']])
})

it('a kubeconfig that is damaged is written anew', async () => {
  const clock = new SimulatedClock({ start: Date.parse('2026-01-01T00:00:00Z') })
  await ensureCredentials(config, clock)
  writeFileSync(paths.adminKubeconfig, ']]')
  await ensureCredentials(config, clock)
  assert.match(readKubeconfigUser(paths.adminKubeconfig).cert!, /BEGIN CERTIFICATE/)
})

it('a running cluster renews its certificates by itself', async () => {
  const ticking = new SimulatedClock({ start: 0 })
  let now = Date.parse('2027-01-01T00:00:00Z')
  const clock: Clock = {
    now: () => now,
    monotonic: () => ticking.monotonic(),
    setTimer: (after, run) => ticking.setTimer(after, run),
  }
  const stop = new AbortController()
  const told: ClusterPki[] = []
  let next = Promise.withResolvers<void>()
  const running = keepCredentials(
    config,
    { clock, logger: silentLogger },
    pki => {
      told.push(pki)
      next.resolve()
      next = Promise.withResolvers<void>()
    },
    stop.signal,
  )
  for (const days of [0, 300]) {
    const heard = next.promise
    await new Promise(setImmediate) // it waits again
    now += days * DAY
    await ticking.advance(600_000)
    await heard
    assert.ok(daysLeft(now) > 90)
  }
  assert.notEqual(told.at(-1)!.apiserver.certificate, told[0]!.apiserver.certificate)
  stop.abort()
  await running
})
