import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../packages/store/src/testing/index.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const launcher = join(root, 'canopus')
const images = join(root, '.cache/images')

/** A registry on this machine that has the images of `images/`; they are built where that was not done before. */
export class TestRegistry {
  private serving: ChildProcess | undefined
  private port = 0

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** May be repeated. */
  async start(): Promise<void> {
    if (this.serving) return
    if (!existsSync(join(images, 'references.json'))) {
      const built = spawnSync(launcher, ['image', 'build', '--store', images], { encoding: 'utf8' })
      if (built.status !== 0) throw new Error(`canopus image build: ${built.stderr}`)
    }
    this.port = await freePort()
    const serving = spawn(launcher, ['image', 'serve', '--store', images, '--address', `127.0.0.1:${this.port}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.serving = serving
    await new Promise<void>((resolve, reject) => {
      serving.stderr.on('data', chunk => String(chunk).includes('serving') && resolve())
      serving.once('exit', code => reject(new Error(`the registry ended with status ${code}`)))
    })
  }

  stop(): void {
    this.serving?.kill('SIGTERM')
  }
}
