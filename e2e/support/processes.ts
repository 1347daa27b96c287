import { type ChildProcess, spawn } from 'node:child_process'

/** Programs that run beside the test, with what they wrote. */
export class Processes {
  private readonly running: { name: string; child: ChildProcess; ended: Promise<number> }[] = []
  output = ''

  start(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', chunk => {
        this.output += chunk
      })
    const ended = new Promise<number>(resolve =>
      child.on('close', (code, signal) => resolve(signal ? 128 : (code ?? 1))),
    )
    this.running.push({ name, child, ended })
    return child
  }

  /** SIGKILL for the first one of that name. */
  async kill(name: string): Promise<void> {
    const at = this.running.findIndex(each => each.name === name)
    const [found] = at < 0 ? [] : this.running.splice(at, 1)
    if (!found) throw new Error(`${name} does not run`)
    found.child.kill('SIGKILL')
    await found.ended
  }

  /** Ends all, the last one first, and returns their statuses by name. */
  async stop(): Promise<Record<string, number>> {
    const statuses: Record<string, number> = {}
    for (const { name, child, ended } of this.running.splice(0).reverse()) {
      child.kill('SIGTERM')
      statuses[name] = await ended
    }
    return statuses
  }
}
