/** Who is called again after a later change (pkg/admission/plugin/webhook/mutating/reinvocationcontext.go; the same for policies). */
import { clone, deepEqual, type KubeObject } from '@canopus/apimachinery'
import type { AdmissionAttributes, Reinvocation } from '../security.ts'

/** What the second round of mutation has to know of the first. */
export class Rounds {
  readonly #reinvocation: Reinvocation
  /** The object as it was left. */
  #output: KubeObject | undefined
  /** Who has been called and wants to be called again after a change. */
  readonly #called = new Set<string>()
  readonly #again = new Set<string>()

  private constructor(reinvocation: Reinvocation) {
    this.#reinvocation = reinvocation
  }

  /** The rounds of a plugin for this request. */
  static begin(plugin: string, { reinvocation, object }: AdmissionAttributes): Rounds {
    const rounds = reinvocation.state(plugin, () => new Rounds(reinvocation))
    // Plugins of the server itself have changed the object since: whoever asked for it wants to see that.
    if (reinvocation.isReinvoke && !deepEqual(rounds.#output, object)) rounds.#callAgain()
    return rounds
  }

  /** The second round is for those who were there in the first. */
  skips(id: string): boolean {
    return this.#reinvocation.isReinvoke && !this.#again.has(id)
  }

  /** Somebody was called. */
  called(id: string, { changed, wantsMore }: { changed: boolean; wantsMore: boolean }): void {
    if (changed) {
      this.#callAgain()
      this.#reinvocation.request()
    }
    if (wantsMore) this.#called.add(id)
  }

  end(object: KubeObject | undefined): void {
    this.#output = object === undefined ? undefined : clone(object)
  }

  #callAgain(): void {
    for (const id of this.#called) this.#again.add(id)
    this.#called.clear()
  }
}

/** The request holds this very object, so that is what changes. */
export function replaceContent(object: KubeObject, content: KubeObject): void {
  const open = object as unknown as Record<string, unknown>
  for (const key of Object.keys(open)) if (!Object.hasOwn(content, key)) delete open[key]
  Object.assign(open, content)
}
