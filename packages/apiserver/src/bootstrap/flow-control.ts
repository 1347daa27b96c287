/** The objects of priority and fairness that every cluster has (pkg/registry/flowcontrol/ensurer). */
import { FlowSchemas, PriorityLevelConfigurations } from '@canopus/api'
import {
  type Draft,
  deepEqual,
  hasReason,
  type KubeObject,
  parseGoBool,
  type ResourceType,
} from '@canopus/apimachinery'
import { type Clock, type Logger, sleep } from '@canopus/base'
import type { Client } from '@canopus/client'
import {
  AUTO_UPDATE,
  MANDATORY_LEVELS,
  MANDATORY_SCHEMAS,
  SUGGESTED_LEVELS,
  SUGGESTED_SCHEMAS,
} from '../flow-control/defaults.ts'
import { withExemption } from '../flow-control/mandatory-specs.ts'
import { reconcileObjects } from './ensure.ts'
import type { Change } from './reconcile-roles.ts'

type Configured = KubeObject & { spec: object }

const MANAGER = 'api-priority-and-fairness-config-producer-v1'

/** Writes what is missing, brings back what is ours to keep, and removes what an older release kept. */
export async function ensureFlowControl(client: Client): Promise<void> {
  // Levels first: who follows the objects would else write that the schemas' levels are missing, and then that they are there.
  await ensure(client, PriorityLevelConfigurations, SUGGESTED_LEVELS, MANDATORY_LEVELS)
  await ensure(client, FlowSchemas, SUGGESTED_SCHEMAS, MANDATORY_SCHEMAS)
}

const PERIOD = 60_000

/** Does it again every minute, until the signal aborts. */
export async function keepFlowControl(
  context: { client: Client; clock: Clock; logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(context.clock, PERIOD, signal).catch(() => {})
    if (signal.aborted) return
    await ensureFlowControl(context.client).catch(error => {
      if (!signal.aborted) context.logger.error('the objects of priority and fairness could not be kept', { error })
    })
  }
}

async function ensure<T extends Configured>(
  client: Client,
  type: ResourceType<T>,
  suggested: readonly Draft<T>[],
  mandatory: readonly Draft<T>[],
): Promise<void> {
  await reconcileObjects(client, type, suggested, (existing, wanted) => autoUpdate(existing, wanted, false), MANAGER)
  await reconcileObjects(client, type, mandatory, (existing, wanted) => autoUpdate(existing, wanted, true), MANAGER)
  const names = new Set([...suggested, ...mandatory].map(({ metadata }) => metadata.name))
  const { items } = await client.resource(type).list()
  for (const { metadata } of items) {
    if (names.has(metadata.name) || !isTrue(metadata.annotations?.[AUTO_UPDATE])) continue
    await client
      .resource(type)
      .delete(metadata.name)
      .catch(error => {
        if (!hasReason(error, 'NotFound')) throw error
      })
  }
}

/**
 * What to do to an object that exists; pure. `always` for the mandatory ones, whose spec nobody else decides; for others the
 * annotation says who does, and where it does not, whether anybody has ever changed the spec.
 */
export function autoUpdate<T extends Configured>(existing: T, wanted: Draft<T>, always: boolean): Change<T> {
  const said = existing.metadata.annotations?.[AUTO_UPDATE]
  const ours = always || (isBoolean(said) ? isTrue(said) : existing.metadata.generation === 1)
  const annotated = isBoolean(said) && isTrue(said) === ours
  const spec = withExemption(existing.metadata.name, (wanted as unknown as T).spec, existing.spec)
  const different = ours && !deepEqual(existing.spec, spec)
  if (annotated && !different) return { kind: 'keep' }
  const annotations = { ...existing.metadata.annotations, ...(annotated ? {} : { [AUTO_UPDATE]: String(ours) }) }
  return {
    kind: 'update',
    object: { ...existing, metadata: { ...existing.metadata, annotations }, ...(different ? { spec } : {}) },
  }
}

const isTrue = (text = ''): boolean => parseGoBool(text) === true
const isBoolean = (text = ''): boolean => parseGoBool(text) !== undefined
