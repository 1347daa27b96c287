/** Patches are told of as they came, applied YAML as JSON. */
import { JsonSyntaxError } from '@canopus/apimachinery'
import { type Body, bytesOf } from '../encoding/given-body.ts'
import { yamlToJson } from '../encoding/yaml.ts'
import { isApplyPatch } from '../registry/apply.ts'
import type { Call } from '../registry/call.ts'
import { type PatchedKind, takesPatch } from '../registry/patch.ts'
import { addEvent } from '../tracing/span.ts'
import type { RequestAudit } from './request-audit.ts'

/** What no patch of the kind can be is not told of: it is not read either. */
export function notePatch(call: Call, source: Body, kind: PatchedKind): void {
  if (call.audit !== undefined && takesPatch(call.request.headers, kind)) tellOf(call.audit, call, source)
  addEvent('Recorded the audit event')
}

function tellOf(audit: RequestAudit, { request }: Call, source: Body): void {
  const body = bytesOf(source)
  try {
    audit.requestPatch(isApplyPatch(request.headers) ? yamlToJson(body).json : body)
  } catch (error) {
    // The registry answers what cannot be read.
    if (!(error instanceof JsonSyntaxError)) throw error
  }
}
