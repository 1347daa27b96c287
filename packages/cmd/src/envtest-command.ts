import { accessSync, constants, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join, resolve } from 'node:path'
import { type CliEnvironment, Failure } from '@canopus/cli'
import type { Command } from 'commander'

const HELP = `
It prints where they are, which is what controller-runtime, kubebuilder and operator-sdk want to know:
  KUBEBUILDER_ASSETS=$(canopus envtest) go test ./...

Each Environment of a test then has an API server with a store in memory; what envtest starts as etcd is a stand-in that does nothing. For
tests that look into etcd, name a real one: canopus envtest --etcd /usr/bin/etcd`

interface Flags {
  etcd?: string
  kubectl?: string
}

/** `canopus envtest`: what controller-runtime's envtest starts, as Canopus' programs (its pkg/internal/testing/process). */
export function addEnvtest(program: Command, environment: CliEnvironment): void {
  program
    .command('envtest')
    .description('write kube-apiserver, etcd and kubectl, as the tests of operators start them, into a directory')
    .argument('[directory]', "where they go (default: of this user's own)")
    .option('--etcd <file>', 'this etcd in place of a store in memory')
    .option('--kubectl <file>', 'this kubectl (default: the one of $PATH)')
    .addHelpText('after', HELP)
    .action((directory: string | undefined, flags: Flags) => {
      const assets = resolve(directory ?? join(environment.home.root, 'envtest'))
      writeAssets(assets, flags, environment)
      environment.stdout.write(`${assets}\n`)
    })
  program
    .command('envtest-etcd', { hidden: true })
    .option('--listen-client-urls <urls>', 'where it is asked whether it is well')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(({ listenClientUrls }: { listenClientUrls?: string }) => standIn(listenClientUrls, environment.signal))
}

function writeAssets(directory: string, flags: Flags, environment: CliEnvironment): void {
  const canopus = commandOf(environment)
  mkdirSync(directory, { recursive: true })
  const script = (name: string, text: string): void => {
    rmSync(join(directory, name), { force: true })
    writeFileSync(join(directory, name), `#!/bin/sh\n${text}`, { mode: 0o755 })
  }
  const link = (name: string, target: string): void => {
    rmSync(join(directory, name), { force: true })
    symlinkSync(resolve(target), join(directory, name))
  }
  if (flags.etcd === undefined) {
    script('kube-apiserver', `${WITHOUT_ETCD}exec ${canopus} apiserver --storage-backend=memory "$@"\n`)
    script('etcd', `exec ${canopus} envtest-etcd "$@"\n`)
  } else {
    script('kube-apiserver', `exec ${canopus} apiserver "$@"\n`)
    link('etcd', executable(flags.etcd))
  }
  const kubectl = flags.kubectl === undefined ? inPath('kubectl', environment.env.PATH) : executable(flags.kubectl)
  if (kubectl !== undefined) link('kubectl', kubectl)
}

/** The flag without which envtest starts no API server, in the form in which it writes all of them. */
const WITHOUT_ETCD = `for each; do
  shift
  case $each in
    --etcd-servers=*) ;;
    *) set -- "$@" "$each" ;;
  esac
done
`

/** `./canopus` where that started us, since it looks for newer sources; else what was started itself. */
function commandOf({ env, self }: CliEnvironment): string {
  return (env.CANOPUS_ROOT === undefined ? self : [join(env.CANOPUS_ROOT, 'canopus')]).map(quoted).join(' ')
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

function executable(file: string): string {
  if (!isExecutable(file)) throw new Failure(`${file} is no program`)
  return file
}

const inPath = (name: string, path = ''): string | undefined =>
  path
    .split(':')
    .filter(Boolean)
    .map(each => join(each, name))
    .find(isExecutable)

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Says that it is well until it is told to end, which is all that envtest asks of etcd. */
async function standIn(urls: string | undefined, signal: AbortSignal): Promise<void> {
  if (urls === undefined) throw new Failure('--listen-client-urls says where to listen')
  const servers = await Promise.all(urls.split(',').map(url => listen(new URL(url))))
  if (!signal.aborted) await new Promise(ended => signal.addEventListener('abort', ended, { once: true }))
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
}

function listen({ hostname, port }: URL): Promise<Server> {
  const server = createServer((request, response) => {
    const well = request.url === '/health'
    response.writeHead(well ? 200 : 404, { 'Content-Type': 'application/json' })
    response.end(well ? '{"health":"true","reason":""}' : '{"error":"the API server keeps its objects in memory"}')
  })
  return new Promise((done, failed) => {
    server.once('error', failed)
    server.listen(Number(port), hostname.replace(/^\[|\]$/g, ''), () => done(server))
  })
}
