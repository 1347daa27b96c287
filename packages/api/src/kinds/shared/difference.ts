import { encodeJson } from '@canopus/apimachinery'
import { goJson } from '../../go-json.ts'
import { unifiedDiff } from './unified-diff.ts'

/**
 * What changed between two values, as a diff of their JSON, of which three lines around each change are shown. Upstream shows its
 * internal types so (k8s.io/apimachinery/pkg/util/diff): here too where `message` names the type (`core.v1.PodSpec`), else the
 * fields that clients know.
 */
export function describeDifference(old: unknown, now: unknown, message?: string): string {
  const shown = (value: unknown): string[] => linesOf(message === undefined ? inOrder(value) : goJson(message, value))
  return unifiedDiff(shown(old), shown(now))
}

function linesOf(value: unknown): string[] {
  const json = encodeJson(value ?? null, 1)
  return json.replace(/[<>&]/g, each => `\\u00${each.charCodeAt(0).toString(16)}`).split('\n')
}

/** Fields by name: clients send them in any order. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(entries.map(([name, each]) => [name, inOrder(each)]))
}
