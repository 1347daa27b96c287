/** Whom a webhook configuration or definition names (k8s.io/apiserver/pkg/util/webhook/validation.go). */
import { checkDns1123Subdomain, type FieldError, invalid, required } from '@canopus/apimachinery'

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
  if (!name) errors.push(required(`${path}.name`, 'service name is required'))
  if (!namespace) errors.push(required(`${path}.namespace`, 'service namespace is required'))
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
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return [required(field, `url must be a valid URL: parse ${JSON.stringify(text)}; ${FORM}`)]
  }
  const errors: FieldError[] = []
  if (url.protocol !== 'https:') {
    errors.push(invalid(field, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme; ${FORM}`))
  }
  if (url.host === '') errors.push(invalid(field, url.host, `host must be specified; ${FORM}`))
  if (/^[a-z]+:\/\/[^/]*@/.test(text)) errors.push(invalid(field, '', 'user information is not permitted in the URL'))
  if (url.hash !== '') errors.push(invalid(field, url.hash.slice(1), 'fragments are not permitted in the URL'))
  if (url.search !== '') {
    errors.push(invalid(field, url.search.slice(1), 'query parameters are not permitted in the URL'))
  }
  return errors
}
