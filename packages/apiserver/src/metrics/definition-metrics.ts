/** Which custom resources had documents of OpenAPI made (k8s.io/apiextensions-apiserver/pkg/controller/openapi, openapiv3). */
import { CustomResourceDefinitions } from '@canopus/api'
import type { CustomResourceDefinition } from '@canopus/api/apiextensions/v1'
import { isConditionTrue } from '@canopus/apimachinery'
import type { MetricsRegistry } from '@canopus/base'
import type { ObjectReader } from '../security.ts'

type Reason = 'add' | 'remove' | 'update'

/** Upstream names the definitions and reasons, and counts none of them; so does this. */
export function followDefinitions(objects: ObjectReader, registry: MetricsRegistry): void {
  const old = registry.counter(
    'apiextensions_openapi_v2_regeneration_count',
    '[ALPHA] Counter of OpenAPI v2 spec regeneration count broken down by causing CRD name and reason.',
    ['crd', 'reason'],
  )
  const current = registry.counter(
    'apiextensions_openapi_v3_regeneration_count',
    '[ALPHA] Counter of OpenAPI v3 spec regeneration count broken down by group, version, causing CRD and reason.',
    ['version', 'group', 'crd', 'reason'],
  )
  const known = new Map<string, number>()
  objects.onChange(CustomResourceDefinitions, ({ type, object }) => {
    const reason = reasonOf(known, type === 'deleted', object)
    if (reason === undefined) return
    const { name } = object.metadata
    old.with(name, reason)
    for (const { name: version, served } of object.spec.versions)
      if (served) current.with(version, object.spec.group, name, reason)
  })
}

/** Only definitions that are established have documents; another generation makes them anew. */
function reasonOf(
  known: Map<string, number>,
  gone: boolean,
  { metadata: { name, generation = 0 }, status }: CustomResourceDefinition,
): Reason | undefined {
  const before = known.get(name)
  if (gone) return known.delete(name) ? 'remove' : undefined
  if (!isConditionTrue(status?.conditions, 'Established') || before === generation) return undefined
  known.set(name, generation)
  return before === undefined ? 'add' : 'update'
}
