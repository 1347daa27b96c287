/**
 * `componentstatuses`: long deprecated, kept for `kubectl get cs` (pkg/registry/core/componentstatus). The store is the one
 * component that the server knows.
 */
import type { Kind } from '@canopus/api'
import { type KubeObject, notFoundError } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import { ObjectVersion } from '../cache/object-version.ts'
import { contentTypeOf, negotiate } from '../encoding/negotiate.ts'
import { type IncludeObject, TableEncoder } from '../encoding/table.ts'
import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import { objectResponse } from '../registry/respond.ts'
import { selected } from '../resource-metrics/resource-metrics.ts'

const COMPONENTS = ['etcd-0']

export function serveComponentStatuses(kind: Kind, clock: Clock, { info, request, warnings }: Call): ApiResponse {
  warnings.push('v1 ComponentStatus is deprecated in v1.19+')
  const { name, query } = info
  const items = COMPONENTS.map(statusOf)
  // A list that selects by name has a name in its request info too.
  const one = info.verb === 'get' ? items.find(each => each.metadata.name === name) : undefined
  if (info.verb === 'get' && one === undefined) throw notFoundError({ group: '', resource: 'componentstatuses', name })
  const found = one === undefined ? selected(info, items) : [one]
  const form = negotiate(request.headers, ['Table'], query.get('pretty'))
  if (form.as === 'Table') {
    const encoder = new TableEncoder(kind, (query.get('includeObject') ?? 'Metadata') as IncludeObject, clock)
    const versions = found.map(
      each => new ObjectVersion('', '', each.metadata.name, Buffer.from(JSON.stringify(each)), 0),
    )
    return { status: 200, headers: { 'content-type': contentTypeOf(form) }, body: encoder.list(versions, {}) }
  }
  const list = { kind: 'ComponentStatusList', apiVersion: 'v1', metadata: {}, items: found }
  return objectResponse(request.headers, 200, one ? { kind: 'ComponentStatus', apiVersion: 'v1', ...one } : list)
}

const statusOf = (name: string): KubeObject =>
  ({
    metadata: { name, creationTimestamp: null },
    conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
  }) as unknown as KubeObject
