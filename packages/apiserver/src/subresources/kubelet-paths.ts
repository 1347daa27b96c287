/** The kubelet's paths for logs, exec, attach and port-forward (pkg/registry/core/pod/strategy.go, LogLocation and others). */
import type { Pod } from '@canopus/api/core/v1'
import {
  badRequestError,
  type FieldError,
  forbidden,
  goQuote,
  invalid,
  invalidError,
  parseTime,
  timeErrorText,
} from '@canopus/apimachinery'
import { integer } from '../filters/options.ts'
import { isTrue } from '../filters/request-info.ts'

/** Copies flags under the names that the kubelet knows. */
const STREAMS = [
  ['stdin', 'input'],
  ['stdout', 'output'],
  ['stderr', 'error'],
  ['tty', 'tty'],
] as const

/** What a kubelet is asked for. Throws StatusError for options that cannot be, whether or not there is such a pod. */
export function kubeletParameters(subresource: string, query: URLSearchParams, pod: string): URLSearchParams {
  switch (subresource) {
    case 'log':
      return logParameters(query, pod)
    case 'exec':
      return execParameters(query)
    case 'attach':
      return streamParameters(query)
    default:
      return portParameters(query)
  }
}

export function kubeletPath(pod: Pod, subresource: string, container: string, parameters: URLSearchParams): string {
  const { namespace = '', name } = pod.metadata
  const where = `${namespace}/${name}`
  if (subresource === 'portforward') return `/portForward/${where}${suffix(parameters)}`
  const verb = subresource === 'log' ? 'containerLogs' : subresource
  return `/${verb}/${where}/${containerOf(pod, container)}${suffix(parameters)}`
}

const suffix = (parameters: URLSearchParams): string => (parameters.size === 0 ? '' : `?${parameters}`)

function streamParameters(query: URLSearchParams): URLSearchParams {
  const result = new URLSearchParams()
  // Stdout and stderr are on unless they are turned off, as the defaults of PodExecOptions.
  const given = STREAMS.filter(([name]) => isTrue(query.get(name)))
  for (const [, own] of given) result.set(own, '1')
  return result
}

function execParameters(query: URLSearchParams): URLSearchParams {
  const result = streamParameters(query)
  for (const each of query.getAll('command')) result.append('command', each)
  return result
}

function portParameters(query: URLSearchParams): URLSearchParams {
  const result = new URLSearchParams()
  const ports = query.getAll('ports').flatMap(each => each.split(','))
  for (const each of ports) checkPort(each)
  if (ports.length > 0) result.set('port', ports.join(','))
  return result
}

/** Throws StatusError 400 with what Go's strconv says (pkg/apis/core/v1, Convert_Slice_string_To_Slice_int32). */
function checkPort(text: string): void {
  const isNumber = /^\d+$/.test(text)
  if (isNumber && Number(text) < 65536) return
  const why = isNumber ? 'value out of range' : 'invalid syntax'
  throw badRequestError(`cannot convert to []int32: strconv.ParseUint: parsing ${goQuote(text)}: ${why}`)
}

function logParameters(query: URLSearchParams, pod: string): URLSearchParams {
  const result = new URLSearchParams()
  for (const flag of ['follow', 'previous', 'timestamps']) if (isTrue(query.get(flag))) result.set(flag, 'true')
  const errors: FieldError[] = []
  for (const [name, least] of [
    ['sinceSeconds', 1],
    ['tailLines', 0],
    ['limitBytes', 1],
  ] as const) {
    const text = query.get(name)
    if (text === null) continue
    const value = integer(text)
    if (value < least) errors.push(invalid(name, value, `must be greater than ${least === 0 ? 'or equal to 0' : '0'}`))
    else result.set(name, text)
  }
  const sinceTime = query.get('sinceTime')
  if (sinceTime) {
    if (parseTime(sinceTime) === undefined) throw badRequestError(timeErrorText(sinceTime, false))
    if (result.has('sinceSeconds')) {
      errors.push(forbidden('[]', 'at most one of `sinceTime` or `sinceSeconds` may be specified'))
    }
    result.set('sinceTime', sinceTime)
  }
  // One stream alone is a feature that is off (PodLogsQuerySplitStreams).
  if (query.get('stream')) errors.push(forbidden('stream', 'may not be specified'))
  if (errors.length > 0) throw invalidError({ group: '', resource: 'PodLogOptions', name: pod }, errors)
  return result
}

/** The container asked for, or the only one. Throws StatusError 400. */
function containerOf(pod: Pod, wanted: string): string {
  const { name } = pod.metadata
  const names = pod.spec.containers.map(each => each.name)
  const init = (pod.spec.initContainers ?? []).map(each => each.name)
  const ephemeral = (pod.spec.ephemeralContainers ?? []).map(each => each.name)
  if (wanted !== '') {
    if ([...names, ...init, ...ephemeral].includes(wanted)) return wanted
    throw badRequestError(`container ${wanted} is not valid for pod ${name}`)
  }
  if (names.length === 1) return names[0]!
  if (names.length === 0) throw badRequestError(`a container name must be specified for pod ${name}`)
  const others = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : ''
  throw badRequestError(
    `a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]${others}`,
  )
}
