import {
  escapedPathOf,
  type GoUrl,
  GoUrlError,
  hostnameOf,
  parseRequestUri,
  parseUrl,
  portOf,
  queryOf,
} from '@canopus/apimachinery'
import { func, member, overload } from '../../check/declarations.ts'
import type { Library } from '../../environment.ts'
import { typesByName } from '../../stdlib/index.ts'
import { boolType, listOf, mapOf, stringType, structType } from '../../types/type.ts'
import { CelError } from '../../values/error.ts'
import { ArrayList } from '../../values/list.ts'
import { EntryMap } from '../../values/map.ts'
import { OpaqueValue, type Value } from '../../values/value.ts'

export const urlType = structType('kubernetes.URL')

export class UrlValue extends OpaqueValue {
  readonly type = urlType
  readonly url: GoUrl

  constructor(url: GoUrl) {
    super()
    this.url = url
  }

  equals(other: Value): boolean {
    return other instanceof UrlValue && other.url.text === this.url.text
  }
}

function toUrl(text: string): UrlValue {
  try {
    return new UrlValue(parseUrl(text))
  } catch (error) {
    if (!(error instanceof GoUrlError)) throw error
    throw new CelError(`URL parse error during conversion from string: ${error.message}`)
  }
}

export function isUrl(text: string): boolean {
  try {
    parseRequestUri(text)
    return true
  } catch {
    return false
  }
}

const query = ({ url }: UrlValue): EntryMap =>
  EntryMap.of([...queryOf(url)].map(([key, values]) => [key, new ArrayList(values)]))

/** `url('https://...').getHost()` and so on. Behaviour: apiserver pkg/cel/library/urls.go. */
export const urlLibrary: Library = {
  types: typesByName([urlType]),
  functions: [
    func('url', overload('string_to_url', [stringType], urlType, toUrl)),
    func('isURL', overload('is_url_string', [stringType], boolType, isUrl)),
    func(
      'getScheme',
      member('url_get_scheme', [urlType], stringType, ({ url }: UrlValue) => url.scheme),
    ),
    func(
      'getHost',
      member('url_get_host', [urlType], stringType, ({ url }: UrlValue) => url.host),
    ),
    func(
      'getHostname',
      member('url_get_hostname', [urlType], stringType, ({ url }: UrlValue) => hostnameOf(url)),
    ),
    func(
      'getPort',
      member('url_get_port', [urlType], stringType, ({ url }: UrlValue) => portOf(url)),
    ),
    func(
      'getEscapedPath',
      member('url_get_escaped_path', [urlType], stringType, ({ url }: UrlValue) => escapedPathOf(url)),
    ),
    func('getQuery', member('url_get_query', [urlType], mapOf(stringType, listOf(stringType)), query)),
  ],
}
