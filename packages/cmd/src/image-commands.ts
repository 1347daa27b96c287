import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildImages, type CliEnvironment, createRegistry, Failure } from '@canopus/cli'
import type { Command } from 'commander'
import { endpoint } from './flags.ts'

/** `canopus image build` and `canopus image serve`. */
export function addImageCommands(program: Command, environment: CliEnvironment): void {
  const image = program.command('image').description('make and serve images for tests and demos').helpCommand(false)
  const store = join(environment.home.root, 'images')
  image
    .command('build')
    .description('build images from their recipes, out of Debian packages')
    .argument('[names...]', 'which ones (default: all)')
    .option('--recipes <directory>', 'where the recipes are', recipesDirectory())
    .option('--store <directory>', 'where the images go', store)
    .action((names: string[], flags: { recipes: string; store: string }) =>
      buildImages({ names, recipes: flags.recipes, store: { directory: flags.store }, progress: environment.progress }),
    )
  image
    .command('serve')
    .description('serve the built images as a read-only registry')
    .option('--address <host:port>', 'where to listen', endpoint, { address: '127.0.0.1', port: 5000 })
    .option('--store <directory>', 'where the images are', store)
    .action((flags: ServeFlags) => serve(flags, environment))
}

function recipesDirectory(): string {
  const root = process.env.CANOPUS_ROOT
  return root === undefined ? 'images' : join(root, 'images')
}

interface ServeFlags {
  address: { address: string; port: number }
  store: string
}

async function serve(flags: ServeFlags, environment: CliEnvironment): Promise<void> {
  if (!existsSync(flags.store))
    throw new Failure(`there are no images in ${flags.store}`, 'Make some with `canopus image build`.')
  const { address, port } = flags.address
  const server = createRegistry({ directory: flags.store })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Failure(`port ${port} is taken`, 'Choose another --address.') : error),
    )
    server.listen(port, address, resolve)
  })
  environment.progress.say(`serving ${flags.store} at http://${address}:${port}`)
  await new Promise<void>(resolve => {
    if (environment.signal.aborted) resolve()
    else environment.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  server.closeAllConnections()
  await new Promise<void>(resolve => server.close(() => resolve()))
}
