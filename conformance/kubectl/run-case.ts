import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Case, Step } from './case-file.ts'

const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url))
// Only what hangs reaches these: a machine that does much else is no reason to fail.
const COMMAND_TIMEOUT = 180_000
const BECOMES_WITHIN = 120_000
const BETWEEN_TRIES = 150

/**
 * What every command has at hand. `upto GLOB` prints the lines of descriptor 3 up to the first that matches: what follows a watch
 * goes on when the watch says something, not after a while.
 */
const PRELUDE =
  'set -o pipefail; upto() { local line; while IFS= read -ru 3 line; do echo "$line"; [[ $line == $1 ]] && return; done; return 1; };'

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

/** Runs a shell command to the end of all that it starts, or of the time that it may take. Its standard input is empty. */
export function runShell(command: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', `${PRELUDE} ${command}`], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: what the shell has started in the background ends with it.
      detached: true,
    })
    const timer = setTimeout(() => killGroup(child.pid), COMMAND_TIMEOUT)
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8')
    child.stderr.setEncoding('utf8')
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code: code ?? 137, stdout, stderr }))
    child.on('close', () => clearTimeout(timer))
    child.on('error', () => clearTimeout(timer))
  })
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended in the meantime.
  }
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
    // Pods are refused until their namespace has its service account; cases count on its configuration map.
    const command = 'kubectl get serviceaccount/default configmap/kube-root-ca.crt'
    await runStep({ line: each.line, command, mode: 'becomes', found: [], absent: [] }, directory, env)
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
