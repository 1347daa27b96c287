/** Configuration of ImagePolicyWebhook (plugin/pkg/admission/imagepolicy/config.go). */
import { formatDuration, isObject } from '@canopus/apimachinery'

export interface ImagePolicy {
  /** Where the program is that knows which images may be run. */
  readonly kubeConfigFile: string
  /** How long a yes is remembered, and a no; milliseconds. */
  readonly allowTtl: number
  readonly denyTtl: number
  /** Milliseconds before it is asked a second time. */
  readonly retryBackoff: number
  /** Whether pods are let in where no answer comes. */
  readonly defaultAllow: boolean
}

const MINUTE = 60_000
const TTL = { unit: 1000, least: 1000, most: 30 * MINUTE }
/** The least is a nanosecond upstream: every whole number of milliseconds is more. */
const BACKOFF = { unit: 1, least: 1e-6, most: 5 * MINUTE }

/** Throws in upstream's words where there is no configuration, or a time in it is too long or too short. */
export function readImagePolicy(value: unknown): ImagePolicy {
  if (value === undefined) throw new Error('no config specified')
  const found = isObject(value) && isObject(value.imagePolicy) ? value.imagePolicy : {}
  const { kubeConfigFile, allowTTL, denyTTL, retryBackoff, defaultAllow } = found
  return {
    kubeConfigFile: typeof kubeConfigFile === 'string' ? kubeConfigFile : '',
    retryBackoff: timeOf(retryBackoff, BACKOFF, 500),
    allowTtl: timeOf(allowTTL, TTL, 5 * MINUTE),
    denyTtl: timeOf(denyTTL, TTL, 30_000),
    defaultAllow: defaultAllow === true,
  }
}

/** Milliseconds; -1 is for none, and 0 for what is usual. */
function timeOf(value: unknown, { unit, least, most }: typeof TTL, usual: number): number {
  const number = typeof value === 'number' ? value : 0
  if (number === -1) return 0
  if (number === 0) return usual
  const time = number * unit
  if (time >= least && time <= most) return time
  const [from, to, got] = [least, most, time].map(formatDuration)
  throw new Error(`valid value is between ${from} and ${to}, got ${got}`)
}
