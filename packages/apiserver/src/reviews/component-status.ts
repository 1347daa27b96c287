/** `componentstatuses`: long deprecated, kept for `kubectl get cs`. The store is the one component that the server knows. */
import { notFoundError } from '@canopus/apimachinery'
import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import { objectResponse } from '../registry/respond.ts'

const COMPONENTS = ['etcd-0']

export function serveComponentStatuses(call: Call): ApiResponse {
  call.warnings.push('v1 ComponentStatus is deprecated in v1.19+')
  const { name } = call.info
  const item = (component: string): Record<string, unknown> => ({
    metadata: { name: component, creationTimestamp: null },
    conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
  })
  if (name === '') {
    const items = COMPONENTS.map(item)
    return objectResponse(call.request.headers, 200, {
      kind: 'ComponentStatusList',
      apiVersion: 'v1',
      metadata: {},
      items,
    } as { kind: string; apiVersion: string })
  }
  if (!COMPONENTS.includes(name)) throw notFoundError({ group: '', resource: 'componentstatuses', name })
  return objectResponse(call.request.headers, 200, { kind: 'ComponentStatus', apiVersion: 'v1', ...item(name) })
}
