/**
 * In which form a page about a component goes out: as text, or as an object of `config.k8s.io` where that is asked for by its name
 * (k8s.io/apiserver/pkg/server/statusz/negotiate).
 */
import { covers, parseMediaTypes } from '../encoding/media-type.ts'
import { mediaTypesError } from '../encoding/negotiate.ts'
import { type Headers, header } from '../http/message.ts'

export interface PageForm {
  readonly media: 'json' | 'yaml' | 'text'
  /** Of the object; the newest where it is text. */
  readonly version: 'v1alpha1' | 'v1beta1'
}

const GROUP = 'config.k8s.io'
const TYPES = [
  ['json', 'application/json'],
  ['yaml', 'application/yaml'],
  ['text', 'text/plain'],
] as const

const TEXT: PageForm = { media: 'text', version: 'v1beta1' }

/** Throws StatusError 406 where nothing fits. */
export function pageForm(headers: Headers, kind: string): PageForm {
  const accept = header(headers, 'accept') ?? ''
  if (accept.trim() === '') return TEXT
  for (const clause of parseMediaTypes(accept)) {
    const { as, g, v } = clause.parameters
    const isNamed = as === kind && g === GROUP && (v === 'v1alpha1' || v === 'v1beta1')
    for (const [media, type] of TYPES) {
      if (!covers(clause, type)) continue
      if (media === 'text' && as === undefined) return TEXT
      if (media !== 'text' && isNamed) return { media, version: v }
    }
  }
  throw mediaTypesError(TYPES.map(([, type]) => type))
}
