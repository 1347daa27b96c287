/** Label and field selectors as far as tests need them: `a=b`, `a!=b`, `a`, `!a`, `a in (x,y)`, `a notin (x,y)`. */
import type { KubeObject } from '@canopus/apimachinery'

type Requirement = (labels: Readonly<Record<string, string>>) => boolean

export function labelMatcher(selector: string | null): Requirement {
  if (!selector) return () => true
  const requirements = selector
    .split(/,(?![^()]*\))/)
    .map(part => part.trim())
    .filter(part => part !== '')
    .map(requirement)
  return labels => requirements.every(matches => matches(labels))
}

function requirement(text: string): Requirement {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text)
  if (set) {
    const [, key, operator, list] = set
    const values = list!.split(',').map(value => value.trim())
    return operator === 'in'
      ? labels => key! in labels && values.includes(labels[key!]!)
      : labels => !(key! in labels) || !values.includes(labels[key!]!)
  }
  const equality = /^([^=!\s]+)\s*(==|=|!=)\s*(.*)$/.exec(text)
  if (equality) {
    const [, key, operator, value] = equality
    return operator === '!=' ? labels => labels[key!] !== value : labels => labels[key!] === value
  }
  return text.startsWith('!') ? labels => !(text.slice(1).trim() in labels) : labels => text in labels
}

/** Any path into the object may be selected; a missing field counts as the empty string. */
export function fieldMatcher(selector: string | null): (object: KubeObject) => boolean {
  if (!selector) return () => true
  const requirements = selector.split(',').map(part => {
    const [, path, operator, value] = /^([^=!]+)(==|=|!=)(.*)$/.exec(part.trim()) ?? []
    if (path === undefined) throw new Error(`invalid field selector ${JSON.stringify(part)}`)
    return (object: KubeObject) => (fieldAt(object, path) === value) === (operator !== '!=')
  })
  return object => requirements.every(matches => matches(object))
}

function fieldAt(object: unknown, path: string): string {
  let value: unknown = object
  for (const step of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[step]
  return value === undefined || value === null ? '' : String(value)
}
