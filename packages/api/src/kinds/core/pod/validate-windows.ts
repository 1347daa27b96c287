/** Options of Windows containers (validation.go: validateWindowsSecurityContextOptions, validateWindowsHostProcessPod). */
import { byteLength, checkDns1123Subdomain, invalid } from '@canopus/apimachinery'
import type { PodSpec, WindowsSecurityContextOptions } from '../../../generated/core.v1.ts'
import { checkText, type Errors } from '../../shared/check.ts'

const MAX_SPEC_KIB = 64
const MAX_DOMAIN = 256
const MAX_USER = 104
const NETBIOS = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/
const DOMAIN_LABEL = '[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]'
const DOMAIN = new RegExp(`^(?:(?:${DOMAIN_LABEL})\\.)*(?:${DOMAIN_LABEL})$`)
const FORBIDDEN = /["/\\:;|=,+*?<>@[\]]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for.
const CONTROL = /[\x00-\x1f\x7f]/

export function checkWindowsOptions(errors: Errors, path: string, options: WindowsSecurityContextOptions): void {
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName: user } = options
  if (name !== undefined) checkText(errors, `${path}.gmsaCredentialSpecName`, name, checkDns1123Subdomain)
  const field = `${path}.gmsaCredentialSpec`
  if (spec === '') errors.push(invalid(field, spec, 'gmsaCredentialSpec cannot be an empty string'))
  else if (spec !== undefined && byteLength(spec) > MAX_SPEC_KIB * 1024) {
    errors.push(invalid(field, spec, `gmsaCredentialSpec size must be under ${MAX_SPEC_KIB} KiB`))
  }
  if (user === undefined) return
  for (const text of userProblems(user)) errors.push(invalid(`${path}.runAsUserName`, user, text))
}

/** `user`, or `domain\user`. */
function userProblems(name: string): string[] {
  const parts = name.split('\\')
  if (name === '') return ['runAsUserName cannot be an empty string']
  if (CONTROL.test(name)) return ['runAsUserName cannot contain control characters']
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash']
  const problems: string[] = []
  const user = parts.at(-1)!
  const domain = parts.length === 2 ? parts[0]! : undefined
  if (domain !== undefined && domain.length >= MAX_DOMAIN) {
    problems.push(`runAsUserName's Domain length must be under ${MAX_DOMAIN} characters`)
  }
  if (domain !== undefined && !NETBIOS.test(domain) && !DOMAIN.test(domain)) {
    problems.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
  }
  if (user === '') problems.push("runAsUserName's User cannot be empty")
  else if (user.length > MAX_USER) {
    problems.push(`runAsUserName's User length must not be longer than ${MAX_USER} characters`)
  }
  if (/^[. ]+$/.test(user)) problems.push("runAsUserName's User cannot contain only periods or spaces")
  if (FORBIDDEN.test(user)) {
    problems.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]')
  }
  return problems
}

/** Containers that are processes of the host: all of a pod or none. */
export function checkHostProcess(errors: Errors, path: string, spec: PodSpec): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess
  let all = 0
  let hosted = 0
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, { securityContext }] of (spec[list] ?? []).entries()) {
      const own = securityContext?.windowsOptions?.hostProcess
      all++
      if (own ?? ofPod) hosted++
      if (own === undefined || ofPod === undefined || own === ofPod) continue
      const field = `${path}.${list}[${index}].securityContext.windowsOptions.hostProcess`
      errors.push(invalid(field, own, `pod hostProcess value must be identical if both are specified, was ${ofPod}`))
    }
  }
  if (hosted === 0) return
  if (hosted !== all) {
    const text = 'If pod contains any hostProcess containers then all containers must be HostProcess containers'
    errors.push(invalid(path, '', text))
  }
  if (!spec.hostNetwork) {
    const text = 'hostNetwork must be true if pod contains any hostProcess containers'
    errors.push(invalid(`${path}.hostNetwork`, false, text))
  }
}
