import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildImages, type CliEnvironment, createRegistry, Failure } from '@canopus/cli'
import type { Command } from 'commander'

/** `canopus image build` and `canopus image serve`. */
export function addImageCommands(program: Command, environment: CliEnvironment): void {
  const image = program.command('image').description('make and serve images for tests and demos')
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
    .option('--address <host:port>', 'where to listen', '127.0.0.1:5000')
    .option('--store <directory>', 'where the images are', store)
    .action((flags: { address: string; store: string }) => serve(flags, environment))
  for (const command of image.commands) command.exitOverride()
}

function recipesDirectory(): string {
  const root = process.env.CANOPUS_ROOT
  return root === undefined ? 'images' : join(root, 'images')
}

async function serve(flags: { address: string; store: string }, environment: CliEnvironment): Promise<void> {
  if (!existsSync(flags.store))
    throw new Failure(`there are no images in ${flags.store}`, 'Make some with `canopus image build`.')
  const at = flags.address.lastIndexOf(':')
  const server = createRegistry({ directory: flags.store })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(flags.address.slice(at + 1)), flags.address.slice(0, at), resolve)
  })
  environment.progress.say(`serving ${flags.store} at http://${flags.address}`)
  await new Promise<void>(resolve => {
    if (environment.signal.aborted) resolve()
    else environment.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  server.closeAllConnections()
  await new Promise<void>(resolve => server.close(() => resolve()))
}
