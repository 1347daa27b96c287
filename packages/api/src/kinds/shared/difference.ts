import { semanticEqual } from '@canopus/apimachinery'

const MOST_LINES = 10

/** What changed between two values, a line for each field that is gone (`-`) or new (`+`); at most ten fields. */
export function describeDifference(old: unknown, now: unknown): string {
  const lines: string[] = []
  collect(lines, '', old, now)
  return lines.join('\n')
}

function collect(lines: string[], path: string, old: unknown, now: unknown): void {
  if (lines.length >= MOST_LINES * 2 || semanticEqual(old, now)) return
  const bothObjects = typeof old === 'object' && typeof now === 'object' && old !== null && now !== null
  if (bothObjects && Array.isArray(old) === Array.isArray(now)) {
    const before = old as Record<string, unknown>
    const after = now as Record<string, unknown>
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const step = Array.isArray(old) ? `[${key}]` : path === '' ? key : `.${key}`
      collect(lines, path + step, before[key], after[key])
    }
    return
  }
  if (old !== undefined) lines.push(`- ${path}: ${JSON.stringify(old)}`)
  if (now !== undefined) lines.push(`+ ${path}: ${JSON.stringify(now)}`)
}
