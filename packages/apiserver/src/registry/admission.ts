/** Runs the admission chain: who changes an object first, and who may refuse it at the end. */

import type { Kind } from '@canopus/api'
import type { FieldError, GroupVersionKind, KubeObject } from '@canopus/apimachinery'
import { type Clock, Family, Histogram, type Sample, SummarizedHistogram } from '@canopus/base'
import type { AdmissionAttributes, AdmissionPlugin, Operation, Reinvocation } from '../security.ts'
import type { WriteCall } from './call.ts'
import type { KindStore } from './kind-store.ts'
import { KindVersions } from './versions.ts'

export interface AdmissionTarget {
  readonly kind: Kind
  readonly operation: Operation
  readonly namespace: string
  readonly name: string
  readonly object: KubeObject | undefined
  readonly oldObject: KubeObject | undefined
  /** Kind of `object` where it is not the resource's own. */
  readonly objectKind?: GroupVersionKind
}

type ServedVersions = (kind: Kind) => readonly KindStore[]

/** There is a second round at most. */
class OneReinvocation implements Reinvocation {
  isReinvoke = false
  #requested = false
  #states: Map<string, unknown> | undefined

  request(): void {
    this.#requested = true
  }

  state<T>(name: string, create: () => T): T {
    this.#states ??= new Map()
    if (!this.#states.has(name)) this.#states.set(name, create())
    return this.#states.get(name) as T
  }

  /** Whether the second round is to be run now. */
  startOver(): boolean {
    if (!this.#requested || this.isReinvoke) return false
    this.isReinvoke = true
    return true
  }
}

/** Upper bounds, in seconds, of what plugins take. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5]

/** A plugin, and what it has taken. */
interface Step {
  readonly plugin: AdmissionPlugin
  readonly done: Histogram
  /** Made once it has refused something. */
  refused(): Histogram
}

/** The plugins of a phase, and what they have taken together. */
interface Phase {
  readonly steps: readonly Step[]
  readonly done: Histogram
  refused(): Histogram
}

interface Phases {
  readonly mutating: Phase
  readonly validating: Phase
}

export class AdmissionChain {
  #plugins: readonly AdmissionPlugin[] = []
  #selected = new WeakMap<Kind, Map<string, Phases>>()
  readonly #clock: Clock
  /** By name, operation, whether it refused, and type. */
  readonly #timings = new Family(() => new Histogram(BUCKETS))
  /** Of whole phases: by operation, whether they refused, and type. */
  readonly #phases = new Family(() => new SummarizedHistogram(BUCKETS))
  #served: ServedVersions = () => []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  timings(): Iterable<Sample> {
    return filled(this.#timings.samples())
  }

  /** What whole phases took. */
  phaseTimings(): Iterable<Sample> {
    return filled(this.#phases.samples())
  }

  /** The same as summaries. */
  *phaseSummaries(): Iterable<Sample> {
    for (const [labels, value] of this.phaseTimings())
      if (value instanceof SummarizedHistogram) yield [labels, value.summary]
  }

  /** Who knows which versions of a kind are served. */
  setServed(served: ServedVersions): void {
    this.#served = served
  }

  /** The plugins are made after the registry, since they read objects through it. */
  setPlugins(plugins: readonly AdmissionPlugin[]): void {
    this.#plugins = plugins
    this.#selected = new WeakMap()
  }

  async mutate(call: WriteCall, target: AdmissionTarget): Promise<void> {
    const { mutating } = this.select(call, target)
    if (mutating.steps.length === 0) return
    const reinvocation = new OneReinvocation()
    const attributes = new RequestAttributes(call, target, reinvocation, this.#served)
    do {
      await this.run(mutating, plugin => plugin.mutate!(attributes))
    } while (reinvocation.startOver())
  }

  async validate(call: WriteCall, target: AdmissionTarget): Promise<void> {
    const { validating } = this.select(call, target)
    if (validating.steps.length === 0) return
    const attributes = new RequestAttributes(call, target, new OneReinvocation(), this.#served)
    await this.run(validating, plugin => plugin.validate!(attributes))
  }

  /** What plugins have to say of fields besides what is wrong with them by themselves. */
  async fieldErrors(call: WriteCall, target: AdmissionTarget): Promise<FieldError[]> {
    const { steps } = this.select(call, target).validating
    const attributes = new RequestAttributes(call, target, new OneReinvocation(), this.#served)
    const errors: FieldError[] = []
    for (const { plugin } of steps) errors.push(...((await plugin.fieldErrors?.(attributes)) ?? []))
    return errors
  }

  private async run(phase: Phase, ask: (plugin: AdmissionPlugin) => void | Promise<void>): Promise<void> {
    const first = this.#clock.monotonic()
    let begun = first
    for (const { plugin, done, refused } of phase.steps) {
      try {
        const pending = ask(plugin)
        if (pending instanceof Promise) await pending
      } catch (error) {
        const now = this.#clock.monotonic()
        refused().observe((now - begun) / 1000)
        phase.refused().observe((now - first) / 1000)
        throw error
      }
      const now = this.#clock.monotonic()
      done.observe((now - begun) / 1000)
      begun = now
    }
    phase.done.observe((begun - first) / 1000)
  }

  private step(plugin: AdmissionPlugin, operation: Operation, type: 'admit' | 'validate'): Step {
    const of = (rejected: string) => this.#timings.with(plugin.name, operation, rejected, type)
    return { plugin, done: of('false'), refused: () => of('true') }
  }

  private phase(plugins: readonly AdmissionPlugin[], operation: Operation, type: 'admit' | 'validate'): Phase {
    const of = (rejected: string) => this.#phases.with(operation, rejected, type)
    const steps = plugins.map(plugin => this.step(plugin, operation, type))
    return { steps, done: of('false'), refused: () => of('true') }
  }

  private select({ subresource }: WriteCall, { kind, operation }: AdmissionTarget): Phases {
    let ofKind = this.#selected.get(kind)
    if (ofKind === undefined) {
      ofKind = new Map()
      this.#selected.set(kind, ofKind)
    }
    // Without a new text for the object itself, which is what is mostly written.
    const id = subresource === '' ? operation : `${operation} ${subresource}`
    let phases = ofKind.get(id)
    if (phases === undefined) {
      phases = this.phases(kind, subresource, operation)
      ofKind.set(id, phases)
    }
    return phases
  }

  private phases({ type: { group, plural } }: Kind, subresource: string, operation: Operation): Phases {
    const resource = `${group}/${plural}${subresource === '' ? '' : `/${subresource}`}`
    const concerned = this.#plugins.filter(
      ({ operations, resources }) =>
        operations.includes(operation) && (resources === undefined || resources.includes(resource)),
    )
    const mutating = concerned.filter(plugin => plugin.mutate !== undefined)
    const validating = concerned.filter(plugin => plugin.validate !== undefined)
    return {
      mutating: this.phase(mutating, operation, 'admit'),
      validating: this.phase(validating, operation, 'validate'),
    }
  }
}

/** Without histograms that have seen nothing. */
function* filled(samples: Iterable<Sample>): Generator<Sample> {
  for (const sample of samples) if (sample[1] instanceof Histogram && sample[1].count > 0) yield sample
}

/** A class, since objects with a getter and functions of their own cost more than all else that the chain does itself. */
class RequestAttributes implements AdmissionAttributes {
  readonly operation: Operation
  readonly type: Kind['type']
  readonly resource: AdmissionAttributes['resource']
  readonly kind: GroupVersionKind
  readonly subresource: string
  readonly namespace: string
  readonly name: string
  readonly object: KubeObject | undefined
  readonly oldObject: KubeObject | undefined
  readonly options: AdmissionAttributes['options']
  readonly dryRun: boolean
  readonly user: AdmissionAttributes['user']
  readonly verb: string | undefined
  readonly deadline: number | undefined
  readonly reinvocation: Reinvocation
  readonly #call: WriteCall
  readonly #kind: Kind
  readonly #served: ServedVersions

  constructor(call: WriteCall, target: AdmissionTarget, reinvocation: Reinvocation, served: ServedVersions) {
    const { kind, operation, namespace, name, object, oldObject } = target
    const { group, version, plural } = kind.type
    this.operation = operation
    this.type = kind.type
    this.resource = { group, version, resource: plural }
    this.kind = target.objectKind ?? { group, version, kind: kind.type.kind }
    this.subresource = call.subresource
    this.namespace = namespace
    this.name = name
    this.object = object
    this.oldObject = oldObject
    this.options = call.options
    this.dryRun = call.dryRun
    this.user = call.user
    this.verb = call.verb
    this.deadline = call.deadline
    this.reinvocation = reinvocation
    this.#call = call
    this.#kind = kind
    this.#served = served
  }

  warn(text: string): void {
    this.#call.warnings.push(text)
  }

  annotate(...annotation: Parameters<AdmissionAttributes['annotate']>): void {
    this.#call.audit?.annotate(...annotation)
  }

  took(...spent: Parameters<NonNullable<AdmissionAttributes['took']>>): void {
    this.#call.timing?.took?.(...spent)
  }

  get versions(): KindVersions {
    return new KindVersions(this.#kind, this.#call.subresource, this.#served(this.#kind))
  }
}
