/** Pages that tell of a component itself: what `/statusz` and `/flagz` have in common (KEP-4827, KEP-4828). */
import { toYaml } from '../encoding/encoder.ts'
import { type ApiRequest, type ApiResponse, jsonResponse, plainResponse } from '../http/message.ts'
import { pageForm } from './negotiate.ts'

export interface Page {
  /** Upstream's name of the component. */
  readonly component: string
  readonly kind: 'Flagz' | 'Statusz'
  /** What follows the heading where the page is text. */
  text(): string
  /** The object's own fields. */
  fields(): object
}

/** The page in the form that is asked for. Throws StatusError 406. */
export function servePage({ headers }: Pick<ApiRequest, 'headers'>, page: Page): ApiResponse {
  const { kind, component } = page
  const name = kind.toLowerCase()
  const { media, version } = pageForm(headers, kind)
  if (media === 'text') {
    return plainResponse(
      200,
      `
${component} ${name}
Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.
${page.text()}`,
    )
  }
  const old = `299 - "This version of the ${name} endpoint is deprecated. Please use a newer version."`
  const warning: Record<string, string> = version === 'v1alpha1' ? { warning: old } : {}
  const meta = { kind, apiVersion: `config.k8s.io/${version}`, metadata: { name: component } }
  const answer = jsonResponse(200, { ...meta, ...page.fields() }, warning)
  if (media === 'json') return answer
  return {
    ...answer,
    headers: { ...answer.headers, 'content-type': 'application/yaml' },
    body: toYaml(answer.body as Uint8Array),
  }
}
