import { resolve } from 'node:path'
import { type CliEnvironment, deleteCluster, logs, status, stop, type UpOptions, up } from '@canopus/cli'
import { Command, InvalidArgumentError, Option } from 'commander'
import { addCompletion } from './completion.ts'
import { checkedApiServerArgs } from './components/apiserver-args.ts'
import { addComponents, COMPONENTS_OF_KUBERNETES } from './components/commands.ts'
import { addClusterFeatureFlags, type FeatureFlags, featureArgs } from './components/feature-flags.ts'
import { refusal } from './components/refusals.ts'
import { addEnvtest } from './envtest-command.ts'
import { list, number, patience } from './flags.ts'
import { addHelp, optionDescription } from './help.ts'
import { addImageCommands } from './image-commands.ts'
import { addSimulate } from './simulate-command.ts'

const DEFAULT_NAME = 'canopus'

/** The whole command line. `exit` takes a command's exit status where it is not 0. */
export function createProgram(environment: CliEnvironment, exit: (status: number) => void): Command {
  const program = new Command('canopus')
    .description('Kubernetes 1.36 on this machine, from one command.')
    .version('canopus 0.1.0 (Kubernetes 1.36)', '--version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .configureHelp({ optionDescription })
    .showHelpAfterError('(see `canopus --help`)')
    // What comes after a component's name is the component's, `--version` too.
    .enablePositionalOptions()
    .exitOverride()
  addUp(program, environment)
  addLifeCycle(program, environment, exit)
  addImageCommands(program, environment)
  addSimulate(program, environment)
  addEnvtest(program, environment)
  addComponents(program, environment)
  addCompletion(program, environment)
  addHelp(program)
  explainErrors(program)
  return program
}

/** Every command ends by an exception, and says where its flags are explained where they were wrong. */
function explainErrors(parent: Command, path = ''): void {
  for (const command of parent.commands) {
    const own = `${path}${command.name()} `
    command.exitOverride().showHelpAfterError(`(see \`canopus ${own}--help\`)`)
    if (path === '' && COMPONENTS_OF_KUBERNETES.has(command.name())) refuseAsUpstream(command)
    explainErrors(command, own)
  }
}

/** Said by whoever ends the program, since the words are not the parser's. */
function refuseAsUpstream(command: Command): void {
  command.configureOutput({ outputError: () => {} }).showHelpAfterError(false)
  command.exitOverride(error => {
    throw refusal(error, command)
  })
}

const name = (): Option => new Option('--name <name>', 'which cluster').default(DEFAULT_NAME)

interface UpFlags extends Pick<FeatureFlags, 'featureGates' | 'runtimeConfig'> {
  name: string
  dataDir?: string
  kubeconfig?: string
  mergeKubeconfig: boolean
  nodes?: number
  node: boolean
  wait: boolean
  timeout: number
  store?: 'embedded' | 'memory' | 'etcd'
  etcdServers?: string[]
  etcdCafile?: string
  etcdCertfile?: string
  etcdKeyfile?: string
  registryMirror: { registry: string; url: string }[]
  podEgress?: 'masquerade' | 'none'
  apiPort?: number
  storageClass: boolean
  apiserverArg?: string[]
}

function addUp(program: Command, environment: CliEnvironment): void {
  const command = program
    .command('up')
    .description('start a cluster, making it first where there is none')
    .addOption(name())
    .option('--data-dir <directory>', 'where the cluster keeps its data')
    .option('--kubeconfig <file>', 'the kubeconfig to enter the cluster into (default: $KUBECONFIG or ~/.kube/config)')
    .option('--no-merge-kubeconfig', 'leave the kubeconfig alone')
    .option('--nodes <count>', 'nodes on this machine', number(1, 64))
    .option('--no-node', 'only API server, controllers and scheduler; needs no root')
    .option('--wait', 'return once the cluster is ready (default)', true)
    .option('--no-wait', 'return before the cluster is ready')
    .option('--timeout <duration>', 'how long to wait for the cluster', patience, 120_000)
    .addOption(
      new Option('--store <kind>', 'where the API server stores objects (default: embedded)').choices([
        'embedded',
        'memory',
        'etcd',
      ]),
    )
    .option('--etcd-servers <urls>', 'comma-separated etcd endpoints', list)
    .option('--etcd-cafile <file>', 'authority of the etcd servers')
    .option('--etcd-certfile <file>', 'client certificate for etcd')
    .option('--etcd-keyfile <file>', 'key of the client certificate for etcd')
    .option(
      '--registry-mirror <registry=url>',
      'pull from there instead, `*` for every registry; may be repeated',
      mirror,
      [],
    )
    .addOption(
      new Option('--pod-egress <mode>', 'how pods reach the world outside (default: masquerade)').choices([
        'masquerade',
        'none',
      ]),
    )
    .option('--api-port <port>', 'port of the API server', number(1, 65_535))
    .option('--no-storage-class', 'make no class of volumes for claims that name none')
    .option(
      '--apiserver-arg <flag=value>',
      'a flag of kube-apiserver, from the next start on; may be repeated',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .action((flags: UpFlags) => up(upOptions(flags), environment))
  addClusterFeatureFlags(command)
}

function upOptions(flags: UpFlags): UpOptions {
  if (!flags.node && flags.nodes !== undefined) throw wrongFlags('--no-node and --nodes do not go together')
  const args = [...(flags.apiserverArg ?? []), ...featureArgs(flags)]
  return {
    name: flags.name,
    ...(flags.dataDir === undefined ? {} : { dataDirectory: resolve(flags.dataDir) }),
    ...(flags.kubeconfig === undefined ? {} : { kubeconfig: resolve(flags.kubeconfig) }),
    mergeKubeconfig: flags.mergeKubeconfig,
    ...(flags.node ? (flags.nodes === undefined ? {} : { nodes: flags.nodes }) : { nodes: 0 }),
    wait: flags.wait,
    timeout: flags.timeout,
    ...storeWish(flags),
    mirrors: flags.registryMirror,
    ...(flags.podEgress === undefined ? {} : { egress: flags.podEgress }),
    ...(flags.apiPort === undefined ? {} : { apiPort: flags.apiPort }),
    ...(flags.storageClass ? {} : { storageClass: false }),
    ...(args.length === 0 && flags.apiserverArg === undefined ? {} : { apiserverArgs: checkedApiServerArgs(args) }),
  }
}

function storeWish(flags: UpFlags): Pick<UpOptions, 'store'> {
  if (flags.store === undefined && flags.etcdServers === undefined) return {}
  if (flags.store === 'etcd' && !flags.etcdServers) throw wrongFlags('--store etcd needs --etcd-servers')
  if (flags.store !== 'etcd' && flags.etcdServers) throw wrongFlags('--etcd-servers go with --store etcd only')
  return {
    store: {
      kind: flags.store ?? 'embedded',
      ...(flags.etcdServers ? { servers: flags.etcdServers } : {}),
      ...(flags.etcdCafile ? { caFile: resolve(flags.etcdCafile) } : {}),
      ...(flags.etcdCertfile ? { certFile: resolve(flags.etcdCertfile) } : {}),
      ...(flags.etcdKeyfile ? { keyFile: resolve(flags.etcdKeyfile) } : {}),
    },
  }
}

/** Flags that are wrong together: printed here, since the parser prints only its own findings. */
function wrongFlags(message: string): InvalidArgumentError {
  process.stderr.write(`error: ${message}\n(see \`canopus up --help\`)\n`)
  return new InvalidArgumentError(message)
}

const STATUS_HELP = `
With -o json: an object for --name, else a list of objects. Fields stay as they are:
  name, state (running, stopped, degraded), apiServer (URL), kubeconfig (path, where it was entered),
  dataDirectory, components: a list of
    component (control-plane, node/NAME/containerd, node/NAME/agent), state (running, restarting, stopped),
    data (path), and while it runs pid, memory (resident bytes), address

Exit status: 0 where everything runs, 1 otherwise.`

function addLifeCycle(program: Command, environment: CliEnvironment, exit: (status: number) => void): void {
  program
    .command('stop')
    .description('stop the cluster and its containers; the data stays')
    .addOption(name())
    .option('--grace <seconds>', 'time for containers to end by themselves', number(0, 3600), 10)
    .action((flags: { name: string; grace: number }) => stop(flags, environment))
  program
    .command('delete')
    .description('remove the cluster and everything that it made on this machine')
    .addOption(name())
    .option('--ignore-not-found', 'no error where there is no such cluster', false)
    .action((flags: { name: string; ignoreNotFound: boolean }) =>
      deleteCluster({ name: flags.name, ignoreMissing: flags.ignoreNotFound }, environment),
    )
  program
    .command('status')
    .description('show the state of each component')
    .option('--name <name>', 'which cluster (default: all)')
    .addOption(new Option('-o, --output <format>', 'how to show it').choices(['text', 'json']).default('text'))
    .addHelpText('after', STATUS_HELP)
    .action((flags: { name?: string; output: 'text' | 'json' }) => exit(status(flags, environment)))
  program
    .command('logs')
    .description("show the components' logs")
    .argument('[component]', 'for example control-plane, agent or containerd')
    .addOption(name())
    .option('-f, --follow', 'go on as lines come', false)
    .option('--tail <lines>', 'how many lines from the end', number(0, 1_000_000), 100)
    .action((component: string | undefined, flags: { name: string; follow: boolean; tail: number }) =>
      logs({ ...flags, ...(component === undefined ? {} : { component }) }, environment),
    )
}

function mirror(text: string, before: { registry: string; url: string }[]): { registry: string; url: string }[] {
  const at = text.indexOf('=')
  const registry = text.slice(0, at)
  const url = text.slice(at + 1)
  if (at < 1 || !/^https?:\/\//.test(url))
    throw new InvalidArgumentError('not of the form docker.io=http://127.0.0.1:5000.')
  return [...before, { registry, url }]
}
