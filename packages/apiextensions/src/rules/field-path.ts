/** `fieldPath` of a rule: where below the value its finding belongs (k8s.io/apiextensions-apiserver, schema/cel ValidFieldPath). */
import type { JSONSchemaProps } from '@canopus/api/apiextensions/v1'

const STEP = /\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\]/y

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
}

/** The path as findings have it, behind that of the value; undefined where it leads to no field of the schema. */
export function resolveFieldPath(schema: JSONSchemaProps, text: string): string | undefined {
  let at: JSONSchemaProps | undefined = schema
  let path = ''
  STEP.lastIndex = 0
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text)
    const name = match?.[1] ?? (match?.[2] === undefined ? undefined : unescaped(match[2]))
    if (name === undefined || at === undefined) return undefined
    if (at.properties !== undefined) {
      at = Object.hasOwn(at.properties, name) ? at.properties[name] : undefined
      if (at === undefined) return undefined
      path += path === '' ? name : `.${name}`
    } else {
      if (typeof at.additionalProperties !== 'object') return undefined
      at = at.additionalProperties
      path += `[${name}]`
    }
  }
  return path
}

function unescaped(text: string): string | undefined {
  let isWrong = false
  const plain = text.replace(/\\(.)/g, (_, letter: string) => {
    const meaning = ESCAPES[letter]
    if (meaning === undefined) isWrong = true
    return meaning ?? ''
  })
  return isWrong ? undefined : plain
}
