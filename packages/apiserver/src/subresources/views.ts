/** Subresources that are the same object, of which they may change only a part: the kind's strategy says which. */

import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'
import type { SubresourceContext } from './subresource.ts'

export function serveStatus(_context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  return endpoint.serveView(call)
}

/** `pods/resize`, `pods/ephemeralcontainers`, `namespaces/finalize`, `certificatesigningrequests/approval`. */
export function serveView(_context: SubresourceContext, endpoint: Endpoint, call: Call): Promise<ApiResponse> {
  const { strategy } = endpoint.kind
  const own = strategy.subresources?.[call.info.subresource]
  if (own === undefined) throw new Error(`${endpoint.kind.message} has no strategy for ${call.info.subresource}`)
  return endpoint.serveView(call, {
    prepare: (object, old) => {
      strategy.default?.(object)
      own.prepareForUpdate(object, old, { ...endpoint.store.now(), user: call.user })
    },
    validate: (object, old) => own.validateUpdate(object, old),
  })
}
