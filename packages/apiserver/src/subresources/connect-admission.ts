/** Admission of CONNECT: the object is the options that came in the query. */
import { badRequestError, type KubeObject } from '@canopus/apimachinery'
import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'

/** Throws StatusError, 400 where it is only to be tried: what is at the other end would do it. */
export async function admitConnect(endpoint: Endpoint, call: Call, optionsKind: string): Promise<void> {
  const { namespace, name, subresource, query } = call.info
  if (query.has('dryRun')) throw badRequestError('dryRun is not supported')
  const options: Record<string, unknown> = { apiVersion: 'v1', kind: optionsKind, metadata: {} }
  for (const key of new Set(query.keys())) {
    const values = query.getAll(key)
    options[key] = key === 'command' ? values : values[0] === 'true' ? true : values[0] === 'false' ? false : values[0]
  }
  const target = {
    kind: endpoint.kind,
    operation: 'CONNECT' as const,
    namespace,
    name,
    object: options as unknown as KubeObject,
    oldObject: undefined,
    objectKind: { group: '', version: 'v1', kind: optionsKind },
  }
  const write = { user: call.user, dryRun: false, options: {}, subresource, warnings: call.warnings, audit: call.audit }
  await endpoint.store.context.admission.mutate(write, target)
  await endpoint.store.context.admission.validate(write, target)
}
