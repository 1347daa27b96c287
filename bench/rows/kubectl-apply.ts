import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Question } from '../children/replay-server.ts'
import { type ApiBench, measured, withApi } from '../support/api-bench.ts'
import { type Child, startChild } from '../support/child.ts'
import { atMost, type Benchmark, type Figure, median, rounded, time } from '../support/figure.ts'
import { type Credentials, H2Connection, requestHead } from '../support/h2-connection.ts'
import { podNamed } from '../support/pod.ts'

const run = promisify(execFile)
const NAME = 'kubectl apply of a manifest of 100 objects, against the time with answers from memory'
/** Of 31 rounds the median still moves by three hundredths from run to run. */
const ROUNDS = 61
/** Times that each server has been asked the same before, all at once: by then it is compiled as a server that runs for a while is. */
const WARM_ROUNDS = 40

/**
 * What kubectl takes by itself is what it takes against a server that answers the same at once: one that has recorded the
 * API server's answers to the same commands. Both in turns; new objects, the same again, then they are deleted.
 */
export const kubectlApply: Benchmark = {
  name: 'kubectl-apply',
  async run(): Promise<Figure[]> {
    if (spawnSync('kubectl', ['version', '--client']).status !== 0) {
      return [{ name: NAME, value: Number.NaN, unit: 'times', skipped: 'there is no kubectl here' }]
    }
    const directory = mkdtempSync(join(tmpdir(), 'canopus-bench-'))
    const recorder = startChild('replay-server.ts')
    try {
      return await withApi({}, bench => compare(directory, bench, recorder))
    } finally {
      await recorder.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  },
}

async function compare(directory: string, bench: ApiBench, recorder: Child): Promise<Figure[]> {
  const { server, credentials: own } = bench
  const manifest = join(directory, 'manifest.json')
  writeFileSync(manifest, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects() }))
  const replayed = await recorder.call<Credentials>('start', { upstream: own })
  const behind = kubeconfig(directory, 'recorded', replayed)
  const canopus = kubeconfig(directory, 'canopus', own)
  // Each asks once for what kubectl keeps on disk; a recorded answer is for a question, so creating and applying again are apart.
  await applied(behind, manifest)
  await cleared(canopus, manifest)
  const questions = await recorder.call<Question[]>('replay')
  await warmed(own, questions, true)
  await warmed(replayed, questions, false)
  await applied(canopus, manifest)
  await cleared(canopus, manifest)
  await recorder.call('requests')
  const rounds: { canopus: number; recorded: number }[] = []
  const cpu: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const { result, cost } = await measured(bench, () => applied(canopus, manifest), { lateness: false })
    cpu.push(cost.cpu)
    rounds.push({ canopus: result, recorded: await applied(behind, manifest) })
    await cleared(canopus, manifest)
  }
  const requests = (await recorder.call<number>('requests')) / ROUNDS
  const [took, alone] = [median(rounds.map(each => each.canopus)), median(rounds.map(each => each.recorded))]
  const { heap } = await server.call<{ heap: number }>('memory')
  return [
    {
      name: NAME,
      value: rounded(took / alone),
      unit: 'times',
      runs: rounds.map(each => rounded(each.canopus / each.recorded)),
      target: atMost(1.2),
      detail: `${rounded(took)} ms and ${rounded(alone)} ms for ${rounded(requests)} requests; ${rounded(median(cpu))} ms server CPU, ${rounded(heap / 1e6)} MB of heap in use afterwards`,
    },
  ]
}

const applied = (config: string, manifest: string): Promise<number> =>
  time(() => run('kubectl', ['--kubeconfig', config, 'apply', '-f', manifest]))

async function cleared(config: string, manifest: string): Promise<void> {
  await run('kubectl', ['--kubeconfig', config, 'delete', '--wait=false', '-f', manifest])
}

/** Asks a server what kubectl asks it, again and again; `clears`: what is made has to go before it can be made again. */
async function warmed(server: Credentials, questions: readonly Question[], clears: boolean): Promise<void> {
  const connection = await H2Connection.open(server)
  const ask = (method: string, path: string, body = ''): Promise<void> =>
    new Promise(end =>
      connection.request(requestHead(method, path), body === '' ? undefined : Buffer.from(body), { end }),
    )
  const asked = (method: string): Promise<unknown> =>
    Promise.all(questions.filter(each => each.method === method).map(({ path, body }) => ask(method, path, body)))
  const made = questions
    .filter(({ method }) => method === 'POST')
    .map(({ path, body }) => {
      const { metadata } = JSON.parse(body) as { metadata: { name: string } }
      return `${path.replace(/\?.*/, '')}/${metadata.name}`
    })
  for (let round = 0; round < WARM_ROUNDS; round++) {
    await asked('GET')
    await asked('POST')
    if (clears) await Promise.all(made.map(path => ask('DELETE', path)))
  }
  connection.close()
}

/** In a directory of its own, since kubectl keeps what it discovers beside the configuration's address. */
function kubeconfig(directory: string, name: string, { port, ca, cert, key }: Credentials): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': base64(ca) } }],
    users: [{ name, user: { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
  }
  const path = join(directory, `${name}.json`)
  writeFileSync(path, JSON.stringify(config))
  return path
}

/** What an application's manifest has: configuration, services, deployments. */
function objects(): object[] {
  const { spec, metadata } = podNamed('web') as unknown as { spec: object; metadata: { labels: object } }
  const { labels } = metadata
  const deployment = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } }
  const make = (count: number, of: (n: number) => object): object[] => Array.from({ length: count }, (_, n) => of(n))
  return [
    ...make(50, n => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `config-${n}`, labels },
      data: { 'settings.yaml': 'level: info\n'.repeat(40), owner: `team-${n}` },
    })),
    ...make(25, n => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `service-${n}`, labels },
      spec: { selector: labels, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    })),
    ...make(25, n => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: `deployment-${n}`, labels },
      spec: deployment,
    })),
  ]
}
