import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type CliEnvironment, Failure } from '@canopus/cli'
import { type Command, Option } from 'commander'
import { number } from './flags.ts'

const HELP = `
A scenario is a YAML file:
  nodes:                       # default: three alike
    - name: worker             # with a count: worker-0, worker-1 ...
      count: 3
      labels: {zone: a}
      taints: [{key: gpu, effect: NoSchedule}]
      capacity: {cpu: "4", memory: 8Gi}
  manifests: [web.yaml]        # files with ordinary objects, relative to the scenario
  objects: []                  # or the objects themselves
  events:                      # after the start, in simulated time
    - {at: 1m, scale: deployment/web, replicas: 6}
    - {at: 5m, fail: worker-0} # also restore, drain, uncordon NODE
    - {at: 9m, rollout: deployment/web -n default}  # also delete
    - {at: 12m, apply: more.yaml}
    - {at: 13m, load: deployment/web, cpu: "4"}  # or memory: what its ready pods use together
    - {at: 15m, restart: scheduler}  # also controller-manager, api-server
  patience: 15m                # for how long the last event may go on
  faults: false                # whether requests and watches fail now and then
  seed: 1                      # all chance comes from it

Annotations of pods say how they behave: simulation.canopus/start-delay, ready-delay, run-for, exit-code,
failure-chance, stop-delay; what they use, for autoscalers: cpu, memory. The last two on a Deployment or StatefulSet itself
are a load that its ready pods share.

With -o json: an object. Fields stay as they are; times are seconds of simulated time:
  seed, duration, digest
  events: at, event, settledAfter, or waitingFor (texts), or error
  workloads: kind, namespace, name, ready, createdAt, readyAt
  autoscalers: namespace, name, target, replicas (at, wanted)
  nodes: name, ready, pods (NAMESPACE/NAME)
  pending: namespace, name, since, reason

Exits with 1 where an event failed; the report is written all the same.`

interface Flags {
  output: 'text' | 'json'
  seed?: number
}

/** `canopus simulate`: what would happen, on a cluster that is not there. */
export function addSimulate(program: Command, environment: CliEnvironment): void {
  program
    .command('simulate')
    .description('play a described cluster in simulated time and report what became of it')
    .argument('<scenario>', 'a YAML file; see below')
    .option('--seed <number>', "in place of the scenario's own", number(0, 2 ** 31))
    .addOption(new Option('-o, --output <format>', 'how to show it').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((path: string, flags: Flags) => simulate(path, flags, environment))
}

async function simulate(path: string, { output, seed }: Flags, environment: CliEnvironment): Promise<void> {
  // Loaded only here: no other command needs it.
  const { parseScenario, playScenario, reportText, ScenarioError } = await import('@canopus/testing')
  try {
    const text = read(path)
    const scenario = parseScenario(text, file => readFileSync(resolve(dirname(path), file), 'utf8'))
    const report = await playScenario(seed === undefined ? scenario : { ...scenario, seed })
    environment.stdout.write(output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : reportText(report))
    // The report stands all the same: what failed may be what the scenario is about, but nobody should take it for done.
    const failed = report.events.filter(each => each.error !== undefined)
    if (failed.length > 0) {
      const told = failed.map(each => `${each.event} (at ${each.at}s): ${each.error}`)
      throw new Failure(`${failed.length} of ${report.events.length} events failed:\n${told.join('\n')}`)
    }
  } catch (error) {
    if (error instanceof ScenarioError) throw new Failure(`${path}: ${error.message}`, 'See `canopus simulate --help`.')
    throw error
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Failure(`${path} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
}
