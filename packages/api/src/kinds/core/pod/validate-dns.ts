import {
  checkDns1123Subdomain,
  invalid,
  maxLengthMessage,
  patternMessage,
  required,
  validateIp,
} from '@canopus/apimachinery'
import type { HostAlias, PodDNSConfig, PodSpec } from '../../../generated/core.v1.ts'
import { checkText, type Errors, push } from '../../shared/check.ts'

const NAMESERVERS = 3
const SEARCHES = 32
const SEARCH_BYTES = 2048

const LABEL = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`
const SUBDOMAIN_PATTERN = new RegExp(`^${SUBDOMAIN}$`)
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character"

/** A search domain may hold underscores, as names of SRV records do. */
function checkSearchDomain(value: string): string[] {
  const errors = value.length > 253 ? [maxLengthMessage(253)] : []
  if (!SUBDOMAIN_PATTERN.test(value)) errors.push(patternMessage(SUBDOMAIN_RULE, SUBDOMAIN, 'example.com'))
  return errors
}

export function checkDnsConfig(errors: Errors, path: string, { dnsConfig, dnsPolicy }: PodSpec): void {
  if (dnsPolicy === 'None') {
    if (!dnsConfig) {
      errors.push(required(path, 'must provide `dnsConfig` when `dnsPolicy` is None'))
      return
    }
    if ((dnsConfig.nameservers ?? []).length === 0) {
      const text = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
      errors.push(required(`${path}.nameservers`, text))
      return
    }
  }
  if (dnsConfig) checkConfig(errors, path, dnsConfig)
}

function checkConfig(
  errors: Errors,
  path: string,
  { nameservers = [], searches = [], options = [] }: PodDNSConfig,
): void {
  if (nameservers.length > NAMESERVERS) {
    errors.push(invalid(`${path}.nameservers`, nameservers, `must not have more than ${NAMESERVERS} nameservers`))
  }
  for (const [index, server] of nameservers.entries()) {
    push(errors, validateIp(`${path}.nameservers[${index}]`, server))
  }
  if (searches.length > SEARCHES) {
    errors.push(invalid(`${path}.searches`, searches, `must not have more than ${SEARCHES} search paths`))
  }
  if (searches.join(' ').length > SEARCH_BYTES) {
    const text = `must not have more than ${SEARCH_BYTES} characters (including spaces) in the search list`
    errors.push(invalid(`${path}.searches`, searches, text))
  }
  for (const [index, search] of searches.entries()) {
    if (search !== '.') checkText(errors, `${path}.searches[${index}]`, search.replace(/\.$/, ''), checkSearchDomain)
  }
  for (const [index, option] of options.entries()) {
    if (!option.name) errors.push(required(`${path}.options[${index}]`, 'must not be empty'))
  }
}

export function checkHostAliases(errors: Errors, path: string, aliases: readonly HostAlias[]): void {
  for (const [index, { ip, hostnames = [] }] of aliases.entries()) {
    push(errors, validateIp(`${path}[${index}].ip`, ip ?? ''))
    for (const [j, name] of hostnames.entries()) {
      checkText(errors, `${path}[${index}].hostnames[${j}]`, name, checkDns1123Subdomain)
    }
  }
}
