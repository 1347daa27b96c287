/** A Scale in whichever form the client asks for: as a table too, which kubectl prints. */
import { ScaleKind } from '@canopus/api'
import type { Scale } from '@canopus/api/autoscaling/v1'
import { encodeJson } from '@canopus/apimachinery'
import { ObjectVersion } from '../cache/object-version.ts'
import type { ApiResponse } from '../http/message.ts'
import type { Call } from '../registry/call.ts'
import type { Endpoint } from '../registry/endpoint.ts'

export function scaleResponse(endpoint: Endpoint, call: Call, scale: Scale): ApiResponse {
  const { name, namespace = '' } = scale.metadata
  const version = new ObjectVersion('', namespace, name, Buffer.from(encodeJson(scale)), 0)
  return endpoint.respond(call, endpoint.encoder(call, undefined, ScaleKind), 200, version)
}
