/** Configuration of EventRateLimit (plugin/pkg/admission/eventratelimit/apis). */
import { type FieldError, invalid, isObject, notSupported } from '@canopus/apimachinery'
import { checkConfiguration, type FieldTree, throwFieldErrors } from '../../configuration/read.ts'

export const EVENT_LIMIT_TYPES = ['Server', 'Namespace', 'User', 'SourceAndObject'] as const
export type EventLimitType = (typeof EVENT_LIMIT_TYPES)[number]

export interface EventLimit {
  readonly type: EventLimitType
  /** Events per second, once `burst` are used up. */
  readonly qps: number
  readonly burst: number
  /** For how many namespaces, users or objects it is remembered how many they had. */
  readonly cacheSize?: number
}

const FIELDS = { limits: [{ type: true, qps: true, burst: true, cacheSize: true }] } as const satisfies FieldTree
const KINDS = { Configuration: ['eventratelimit.admission.k8s.io/v1alpha1'] }

/** Throws where the configuration is wrong; `undefined` is none, which is wrong too. */
export function readEventLimits(value: unknown): readonly EventLimit[] {
  const object = value === undefined ? {} : checkConfiguration(value, 'Configuration', KINDS, FIELDS)
  const limits = (object.limits as readonly EventLimit[] | null | undefined) ?? []
  const errors = limits.length > 0 ? [] : [invalid('limits', limits, 'must not be empty')]
  throwFieldErrors([...errors, ...limits.flatMap((limit, index) => limitErrors(limit, `limits[${index}]`))])
  return limits
}

function limitErrors(limit: EventLimit, path: string): FieldError[] {
  if (!isObject(limit)) return [invalid(path, limit, 'must be an object')]
  const { type, qps = 0, burst = 0, cacheSize = 0 } = limit
  const errors: FieldError[] = []
  if (!EVENT_LIMIT_TYPES.includes(type)) errors.push(notSupported(`${path}.type`, type ?? '', EVENT_LIMIT_TYPES))
  if (!(burst > 0)) errors.push(invalid(`${path}.burst`, burst, 'must be positive'))
  if (!(qps > 0)) errors.push(invalid(`${path}.qps`, qps, 'must be positive'))
  if (type !== 'Server' && cacheSize < 0) errors.push(invalid(`${path}.cacheSize`, cacheSize, 'must not be negative'))
  return errors
}
