/** `--tracing-config-file` (apiserver.config.k8s.io, `TracingConfiguration`; k8s.io/component-base/tracing/api/v1). */
import { type FieldError, invalid } from '@canopus/apimachinery'
import { readConfiguration, throwFieldErrors } from '../configuration/read.ts'

export interface TracingConfiguration {
  /** Where spans are sent to, as gRPC names targets. */
  readonly endpoint: string
  /** Of a million requests that nobody has decided about yet, so many are traced. */
  readonly samplingRatePerMillion: number
}

const KIND = 'TracingConfiguration'
const VERSIONS = ['v1', 'v1beta1', 'v1alpha1']
const FIELDS = { endpoint: true, samplingRatePerMillion: true } as const
const DEFAULT_ENDPOINT = 'localhost:4317'
const MILLION = 1_000_000
const SCHEMES = ['dns', 'unix', 'unix-abstract']

/** Throws Error, in upstream's words, where the text is no such configuration. */
export function readTracingConfiguration(text: string): TracingConfiguration {
  const { endpoint, samplingRatePerMillion: rate } = readConfiguration(text, KIND, VERSIONS, FIELDS)
  if (rate !== undefined && rate !== null && !Number.isInteger(rate)) {
    throw new Error('samplingRatePerMillion must be a whole number')
  }
  if (endpoint !== undefined && endpoint !== null && typeof endpoint !== 'string') {
    throw new Error('endpoint must be a text')
  }
  throwFieldErrors([...rateErrors((rate ?? 0) as number), ...endpointErrors(endpoint ?? '')])
  return { endpoint: endpoint || DEFAULT_ENDPOINT, samplingRatePerMillion: (rate ?? 0) as number }
}

function rateErrors(rate: number): FieldError[] {
  const field = 'samplingRatePerMillion'
  if (rate < 0) return [invalid(field, rate, 'sampling rate must be positive')]
  if (rate <= MILLION) return []
  return [invalid(field, rate, 'sampling rate per million must be less than or equal to one million')]
}

function endpointErrors(given: string): FieldError[] {
  if (!given.includes('//')) return []
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(given)?.[1]
  if (scheme === undefined) return [invalid('endpoint', given, 'first path segment in URL cannot contain colon')]
  if (SCHEMES.includes(scheme)) return []
  const text = `unsupported scheme: ${scheme}.  Options are none, dns, unix, or unix-abstract.  See https://github.com/grpc/grpc/blob/master/doc/naming.md`
  return [invalid('endpoint', given, text)]
}
