/** What names and labels of templates end in: the same as upstream's, so that both sides of a migration agree. */
import { goDump, schemas } from '@canopus/api'
import type { PodTemplateSpec } from '@canopus/api/core/v1'
import { encodeJson, fnv1a32, fnv1x32, safeEncode } from '@canopus/apimachinery'

const encoder = new TextEncoder()

/** `pod-template-hash` of replica sets, and the name of a daemon set's revision (pkg/controller: ComputeHash). */
export function podTemplateHash(template: PodTemplateSpec, collisions: number | undefined): string {
  const text = encoder.encode(goDump(schemas.schemaOf('core.v1.PodTemplateSpec'), template))
  if (collisions === undefined) return safeEncode(String(fnv1a32(text)))
  const salted = new Uint8Array(text.length + 8)
  salted.set(text)
  new DataView(salted.buffer).setUint32(text.length, collisions, true)
  return safeEncode(String(fnv1a32(salted)))
}

/** The name of a stateful set's revision, whose data is in order (pkg/controller/history: HashControllerRevision). */
export const revisionHash = (data: unknown, collisions = 0): string =>
  safeEncode(String(fnv1x32(`${inGo(encodeJson(data))}${collisions}`)))

/** JSON as Go writes it where nobody tells it otherwise: fit for a page of HTML. */
const inGo = (json: string): string =>
  json.replace(/[<>&\u2028\u2029]/g, each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
