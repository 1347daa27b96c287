/** Keeps flow control as its objects say, and says in the objects what came of it (apf_controller.go). */
import { FlowSchemas, PriorityLevelConfigurations } from '@canopus/api'
import type { FlowSchema, FlowSchemaCondition } from '@canopus/api/flowcontrol/v1'
import { formatTime, hasReason } from '@canopus/apimachinery'
import type { Clock, Logger, Timer } from '@canopus/base'
import type { Client } from '@canopus/client'
import type { ObjectReader } from '../security.ts'
import type { FlowControl } from './flow-control.ts'

const MANAGER = 'api-priority-and-fairness-config-consumer-v1'
/** Other servers may think otherwise: a schema is written at most so often in a minute. */
const MOST_WRITES = 6
const MINUTE = 60_000
const RETRY = 5_000

export interface FollowOptions {
  readonly flowControl: FlowControl
  readonly objects: ObjectReader
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
}

export class FlowControlFollower {
  readonly #options: FollowOptions
  readonly #writes = new Map<string, number[]>()
  #pending = false
  #running = false
  #writing = false
  #dirty = false
  #again: Timer | undefined

  constructor(options: FollowOptions) {
    this.#options = options
    const changed = (): void => this.changed()
    options.objects.onChange(PriorityLevelConfigurations, changed)
    options.objects.onChange(FlowSchemas, changed)
  }

  /** From now on conditions are written too. */
  start(): void {
    this.#running = true
    this.#options.flowControl.start()
    this.changed()
  }

  stop(): void {
    this.#running = false
    this.#again?.cancel()
    this.#options.flowControl.stop()
  }

  /** Changes of one moment are taken in together. */
  private changed(): void {
    if (this.#pending) return
    this.#pending = true
    queueMicrotask(() => {
      this.#pending = false
      const { flowControl, objects } = this.#options
      flowControl.configure(objects.list(PriorityLevelConfigurations), objects.list(FlowSchemas))
      if (this.#running) void this.writeConditions()
    })
  }

  /** Writes until all are right; what changes meanwhile is looked at once more. */
  private async writeConditions(): Promise<void> {
    this.#dirty = true
    if (this.#writing) return
    this.#writing = true
    let later = false
    while (this.#dirty && this.#running) {
      this.#dirty = false
      try {
        if (await this.writeOnce()) later = true
      } catch (error) {
        later = true
        if (this.#running) this.#options.logger.warn('the condition of a flow schema could not be written', { error })
      }
    }
    this.#writing = false
    if (!later || !this.#running) return
    this.#again?.cancel()
    this.#again = this.#options.clock.setTimer(RETRY, () => this.changed())
  }

  /** True where some have been written too often for now. */
  private async writeOnce(): Promise<boolean> {
    const { objects, flowControl, clock } = this.#options
    let later = false
    for (const schema of objects.list(FlowSchemas)) {
      const { name } = schema.metadata
      const condition = danglingCondition(schema, level => flowControl.hasLevel(level), clock.now())
      if (condition === undefined || !this.#running) continue
      if (this.mayWrite(name)) await this.write(name, condition)
      else later = true
    }
    return later
  }

  private mayWrite(name: string): boolean {
    const now = this.#options.clock.monotonic()
    const recent = (this.#writes.get(name) ?? []).filter(at => now - at < MINUTE)
    if (recent.length < MOST_WRITES) recent.push(now)
    else return false
    this.#writes.set(name, recent)
    return true
  }

  private async write(name: string, condition: FlowSchemaCondition): Promise<void> {
    const patch = {
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'FlowSchema',
      metadata: { name },
      status: { conditions: [condition] },
    }
    try {
      await this.#options.client
        .resource(FlowSchemas)
        .patch(name, 'apply', patch, { subresource: 'status', fieldManager: MANAGER, force: true })
    } catch (error) {
      // Gone in between: there is nothing left to say.
      if (!hasReason(error, 'NotFound')) throw error
    }
  }
}

/** The condition that the schema should have, or nothing where it has it. */
export function danglingCondition(
  { spec, status }: FlowSchema,
  exists: (level: string) => boolean,
  now: number,
): FlowSchemaCondition | undefined {
  const level = spec.priorityLevelConfiguration.name
  const found = exists(level)
  const start = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`
  const wanted = {
    type: 'Dangling',
    status: found ? 'False' : 'True',
    reason: found ? 'Found' : 'NotFound',
    message: found ? `${start} and it exists` : `${start} but there is no such object`,
  }
  const present = status?.conditions?.find(each => each.type === 'Dangling')
  const same = (['status', 'reason', 'message'] as const).every(field => present?.[field] === wanted[field])
  return same ? undefined : { ...wanted, lastTransitionTime: formatTime(now) }
}
