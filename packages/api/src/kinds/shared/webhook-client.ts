/** Whom a webhook configuration or definition names (k8s.io/apiserver/pkg/util/webhook/validation.go). */
import {
  checkDns1123Subdomain,
  type FieldError,
  type GoUrl,
  GoUrlError,
  invalid,
  parseReference,
  required,
} from '@canopus/apimachinery'

interface Client {
  url?: string
  service?: { name?: string; namespace?: string; path?: string; port?: number }
}

/** What is wrong with a client config, which is at `path`. */
export function validateWebhookClient({ url, service }: Client, path: string): FieldError[] {
  if ((url === undefined) === (service === undefined)) {
    return [required(path, 'exactly one of url or service is required')]
  }
  return url === undefined ? validateService(service!, `${path}.service`) : validateUrl(url, `${path}.url`)
}

function validateService(service: NonNullable<Client['service']>, path: string): FieldError[] {
  const errors: FieldError[] = []
  const { name, namespace, port = 443, path: urlPath = '' } = service
  // Upstream takes the one for the other here.
  if (!namespace) errors.push(required(`${path}.name`))
  if (!name) errors.push(required(`${path}.namespace`))
  if (port < 1 || port > 65535) {
    errors.push(invalid(`${path}.port`, port, 'port is not valid: must be between 1 and 65535, inclusive'))
  }
  return [...errors, ...validatePath(urlPath, `${path}.path`)]
}

function validatePath(path: string, field: string): FieldError[] {
  if (path === '' || path === '/') return []
  if (path === '//') return [invalid(field, path, 'segment[0] may not be empty')]
  const errors = path.startsWith('/') ? [] : [invalid(field, path, "must start with a '/'")]
  // Upstream cuts off the first character whatever it is.
  const segments = path.slice(1).replace(/\/$/, '').split('/')
  for (const [index, segment] of segments.entries()) {
    if (segment === '') errors.push(invalid(field, path, `segment[${index}] may not be empty`))
    else {
      for (const why of checkDns1123Subdomain(segment)) errors.push(invalid(field, path, `segment[${index}]: ${why}`))
    }
  }
  return errors
}

const FORM = 'desired format: https://host[/path]'

function validateUrl(text: string, field: string): FieldError[] {
  let url: GoUrl
  try {
    url = parseReference(text)
  } catch (error) {
    if (!(error instanceof GoUrlError)) throw error
    return [required(field, `url must be a valid URL: ${error.message}; ${FORM}`)]
  }
  const errors: FieldError[] = []
  if (url.scheme !== 'https') errors.push(invalid(field, url.scheme, `'https' is the only allowed URL scheme; ${FORM}`))
  if (url.host === '') errors.push(invalid(field, url.host, `host must be specified; ${FORM}`))
  const user = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/i.exec(text)?.[1]
  if (user !== undefined) errors.push(invalid(field, user, 'user information is not permitted in the URL'))
  const fragment = /#(.+)$/s.exec(text)?.[1]
  if (fragment !== undefined) errors.push(invalid(field, fragment, 'fragments are not permitted in the URL'))
  if (url.rawQuery !== '') errors.push(invalid(field, url.rawQuery, 'query parameters are not permitted in the URL'))
  return errors
}
