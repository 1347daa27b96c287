/** `/flagz`: with which flags a component runs (KEP-4828, k8s.io/apiserver/pkg/server/flagz). */
import type { ApiRequest, ApiResponse } from '../http/message.ts'
import { servePage } from './page.ts'

/** Values by the flags' names, as a Go program prints them. */
export type FlagValues = Readonly<Record<string, string>>

/** Throws StatusError 406. */
export function serveFlagz(request: Pick<ApiRequest, 'headers'>, component: string, flags: FlagValues): ApiResponse {
  return servePage(request, {
    component,
    kind: 'Flagz',
    text: () =>
      Object.keys(flags)
        .sort()
        .map(name => `${name}=${flags[name]}\n`)
        .join(''),
    fields: () => ({ flags }),
  })
}
