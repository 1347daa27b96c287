/** Printer columns of definitions (k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor). */
import type { FieldReference, PrinterColumn } from '@canopus/api'
import type { CustomResourceColumnDefinition } from '@canopus/api/apiextensions/v1'
import { encodeJson, humanDuration } from '@canopus/apimachinery'
import { parseJsonPath } from './json-path.ts'

const NAME: PrinterColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: { message: 'am.apis.meta.v1.ObjectMeta', field: 'name' },
  priority: 0,
  value: object => object.metadata.name,
}

const CREATED: FieldReference = { message: 'am.apis.meta.v1.ObjectMeta', field: 'creationTimestamp' }

const AGE: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
}

/** The name, then what the definition asks for; without any of its own, the age. */
export function printerColumns(own: readonly CustomResourceColumnDefinition[] | undefined): PrinterColumn[] {
  if (own === undefined || own.length === 0) return [NAME, { ...columnOf(AGE)!, description: CREATED }]
  const columns = [NAME]
  for (const definition of own) {
    const column = columnOf(definition)
    // One that cannot be read ends the list.
    if (column === undefined) break
    columns.push(column)
  }
  return columns
}

function columnOf({
  name,
  type,
  format,
  description,
  priority,
  jsonPath,
}: CustomResourceColumnDefinition): PrinterColumn | undefined {
  let find: ReturnType<typeof parseJsonPath>
  try {
    find = parseJsonPath(jsonPath)
  } catch {
    return undefined
  }
  return {
    name,
    type: type as PrinterColumn['type'],
    ...(format ? { format } : {}),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority: priority ?? 0,
    value(object, now) {
      const [first] = find(object)
      return first === undefined ? null : cell(type, first, now)
    },
  }
}

function cell(type: string, value: unknown, now: number): string | number | boolean | null {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : value === null ? '<no value>' : encodeJson(value)
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date': {
      if (typeof value !== 'string') return null
      const time = Date.parse(value)
      return Number.isNaN(time) ? '<invalid>' : humanDuration(now - time)
    }
    default:
      return null
  }
}
