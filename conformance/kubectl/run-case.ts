import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Case, Step } from './case-file.ts'

const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url))
const COMMAND_TIMEOUT = 60_000
const BECOMES_WITHIN = 30_000
const BETWEEN_TRIES = 150

/** A kubectl and the cluster that it talks to. */
export interface Bench {
  /** Folder in which the program is called `kubectl`. */
  bin: string
  /** The kubeconfig, as `kubectl config view --raw --flatten -o json` prints it. */
  kubeconfig: string
}

/** A bench of this kubectl for the cluster of a kubeconfig's path; `links` is a folder that it may put links into. */
export function benchOf(program: string, kubeconfigPath: string, links: string): Bench {
  const bin = mkdtempSync(join(links, 'kubectl-'))
  symlinkSync(program, join(bin, 'kubectl'))
  const kubeconfig = execFileSync(program, ['config', 'view', '--raw', '--flatten', '-o', 'json'], {
    encoding: 'utf8',
    env: { ...process.env, KUBECONFIG: kubeconfigPath },
  })
  return { bin, kubeconfig }
}

export interface Output {
  code: number
  stdout: string
  stderr: string
}

/** Runs a shell command to its end. Its standard input is empty. */
export function runShell(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', `set -o pipefail; ${command}`], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: COMMAND_TIMEOUT,
      killSignal: 'SIGKILL',
    })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code: code ?? 137, stdout, stderr }))
  })
}

/** Runs a case in a namespace and a directory of its own; throws with the step that is not as expected. */
export async function runCase(each: Case, namespace: string, bench: Bench): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'canopus-kubectl-'))
  const kubeconfig = join(directory, 'kubeconfig')
  const env = {
    KUBECONFIG: kubeconfig,
    HOME: directory,
    TMPDIR: join(directory, 'tmp'),
    PATH: `${bench.bin}:${process.env.PATH}`,
    NS: namespace,
    F: FIXTURES,
  }
  try {
    mkdirSync(env.TMPDIR)
    writeFileSync(kubeconfig, withNamespace(bench.kubeconfig, namespace))
    for (const [name, text] of each.files) writeFileSync(join(directory, name), text)
    const made = await runShell('kubectl create namespace $NS', directory, env)
    if (made.code !== 0) throw new Error(`no namespace: ${made.stderr}`)
    // Pods are refused until their namespace has its service account.
    await runStep(
      { line: each.line, command: 'kubectl get sa default', mode: 'becomes', found: [], absent: [] },
      directory,
      env,
    )
    for (const step of each.steps) await runStep(step, directory, env)
  } finally {
    await runShell('kubectl delete namespace $NS --ignore-not-found --wait=false', directory, env)
    rmSync(directory, { recursive: true, force: true })
  }
}

async function runStep(step: Step, cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const deadline = Date.now() + (step.mode === 'becomes' ? BECOMES_WITHIN : 0)
  for (;;) {
    const output = await runShell(step.command, cwd, env)
    const wrong = whatIsWrong(step, output)
    if (wrong === undefined) return
    if (Date.now() >= deadline)
      throw new Error(
        `line ${step.line}: ${step.command}\n${wrong}\n--- stdout\n${output.stdout}--- stderr\n${output.stderr}`,
      )
    await new Promise(resolve => setTimeout(resolve, BETWEEN_TRIES))
  }
}

/** The first expectation that an output does not meet, or nothing. */
export function whatIsWrong(step: Step, output: Output): string | undefined {
  const failed = output.code !== 0
  if (failed !== (step.mode === 'fails')) return `status ${output.code}`
  if (step.stdout !== undefined && output.stdout.replace(/\n$/, '') !== step.stdout)
    return `standard output is not:\n${step.stdout}`
  const all = output.stdout + output.stderr
  const missing = step.found.find(pattern => !pattern.test(all))
  if (missing) return `not found: ${missing}`
  const unwanted = step.absent.find(pattern => pattern.test(all))
  return unwanted ? `must not be there: ${unwanted}` : undefined
}

interface Kubeconfig {
  'current-context': string
  contexts: { name: string; context: { namespace?: string } }[]
}

function withNamespace(text: string, namespace: string): string {
  const config = JSON.parse(text) as Kubeconfig
  for (const { name, context } of config.contexts) if (name === config['current-context']) context.namespace = namespace
  return JSON.stringify(config)
}
