/**
 * `componentstatuses`: long deprecated, kept for `kubectl get cs` (pkg/registry/core/componentstatus/rest.go): the store, and the
 * components whose addresses the server was given.
 */
import type { Kind } from '@canopus/api'
import { notFoundError } from '@canopus/apimachinery'
import { ObjectVersion } from '../cache/object-version.ts'
import type { ObjectEncoder } from '../encoding/encoder.ts'
import { type Encoders, encoderOf } from '../encoding/encoders.ts'
import { negotiate, type Transform } from '../encoding/negotiate.ts'
import { listQuery } from '../filters/options.ts'
import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import { selection } from '../registry/selection.ts'
import type { ComponentHealth } from './component-probe.ts'

export interface ComponentStatusContext {
  readonly encoders: Encoders
  /** How each component is, by its name. */
  readonly components: Readonly<Record<string, () => Promise<ComponentHealth>>>
}

export async function serveComponentStatuses(
  { encoders, components }: ComponentStatusContext,
  kind: Kind,
  call: Call,
): Promise<ApiResponse> {
  if (kind.deprecation !== undefined) call.warnings.push(kind.deprecation)
  const { info, request } = call
  const encoder = (transforms: readonly Transform[]): ObjectEncoder => {
    const form = negotiate(request.headers, transforms, info.query.get('pretty'))
    return encoderOf(encoders, kind, form, info.query)
  }
  const answer = ({ contentType }: ObjectEncoder, body: ApiResponse['body']): ApiResponse => ({
    status: 200,
    headers: { 'content-type': contentType },
    ...(body === undefined ? {} : { body }),
  })
  if (info.verb === 'get') {
    const check = Object.hasOwn(components, info.name) ? components[info.name] : undefined
    if (check === undefined) throw notFoundError({ group: '', resource: 'componentstatus', name: info.name })
    const one = encoder(['Table', 'PartialObjectMetadata'])
    return answer(one, one.answer(await statusOf(info.name, check)))
  }
  const { labelSelector, fieldSelector } = listQuery(info.query, false)
  const { filter } = selection(kind, '', labelSelector, fieldSelector)
  const all = await Promise.all(Object.entries(components).map(([name, check]) => statusOf(name, check)))
  const many = encoder(['Table', 'PartialObjectMetadataList'])
  return answer(
    many,
    many.list(
      all.filter(each => filter.matches?.(each) ?? true),
      {},
    ),
  )
}

async function statusOf(name: string, check: () => Promise<ComponentHealth>): Promise<ObjectVersion> {
  const { healthy, ...said } = await check()
  const condition = { type: 'Healthy', status: healthy ? 'True' : 'False', ...said }
  const object = { kind: 'ComponentStatus', apiVersion: 'v1', metadata: { name }, conditions: [condition] }
  return new ObjectVersion(`componentstatuses/${name}`, '', name, Buffer.from(JSON.stringify(object)), 0)
}
