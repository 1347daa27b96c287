/** YAML bodies as JSON text. */
import { encodeJson, JsonSyntaxError } from '@canopus/apimachinery'
import { load, YAMLException } from 'js-yaml'
import { READ_SCHEMA } from './yaml-schema.ts'

/** Aliases can make a small text mean a huge object; no API object has so many values. */
const MAX_VALUES = 500_000

/** Throws JsonSyntaxError where the text is no YAML or means no JSON. */
export function yamlToJson(body: Uint8Array): { json: string; strictErrors: string[] } {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
  const strictErrors: string[] = []
  let value: unknown
  try {
    value = load(text, { schema: READ_SCHEMA })
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0]! : String(error)
    if (!message.includes('duplicated mapping key')) throw new JsonSyntaxError(`yaml: ${message}`)
    value = lenient(text)
    strictErrors.push(duplicateText(error, text, message))
  }
  checkSize(value)
  return { json: encodeJson(value ?? null), strictErrors }
}

/** As Go's YAML library says it. `text` is the document; only the first key that comes twice is named. */
function duplicateText(error: unknown, text: string, otherwise: string): string {
  const mark = error instanceof YAMLException ? error.mark : undefined
  const name = mark && /^["']?(.*?)["']?\s*:/.exec(text.slice(mark.position))?.[1]
  if (mark === undefined || name === undefined) return `yaml: ${otherwise}`
  return `yaml: unmarshal errors:\n  line ${mark.line + 1}: key ${JSON.stringify(name)} already set in map`
}

function lenient(text: string): unknown {
  try {
    return load(text, { schema: READ_SCHEMA, json: true })
  } catch (error) {
    throw new JsonSyntaxError(`yaml: ${error instanceof Error ? error.message.split('\n')[0]! : String(error)}`)
  }
}

function checkSize(root: unknown): void {
  let count = 0
  const visit = (value: unknown, depth: number): void => {
    if (++count > MAX_VALUES || depth > 500) throw new JsonSyntaxError('yaml: document contains excessive aliasing')
    if (typeof value !== 'object' || value === null) return
    for (const each of Object.values(value)) visit(each, depth + 1)
  }
  visit(root, 0)
}
