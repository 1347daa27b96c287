import type { HealthCheck } from './health.ts'

/** What a server has to do once it serves before it counts as started; each has a check `poststarthook/<name>`. */
export class PostStartHooks {
  readonly #done = new Map<string, boolean>()

  /** Runs `work` under the name; its check fails until the work is done, and for good where it fails. */
  async run(name: string, work: () => Promise<unknown>): Promise<void> {
    this.#done.set(name, false)
    await work()
    this.#done.set(name, true)
  }

  /** The checks of hooks that have begun. */
  get checks(): HealthCheck[] {
    return [...this.#done.keys()].map(name => ({
      name: `poststarthook/${name}`,
      scope: 'all',
      check: () => {
        if (this.#done.get(name) !== true) throw new Error('not finished')
      },
    }))
  }
}
