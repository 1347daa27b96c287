/** What columns are for, in the words of the API's documentation. */
import { type Descriptions, type FieldReference, type Kind, type PrinterColumn, ScaleKind } from '@canopus/api'
import { type Describe, NAME_ONLY } from './table.ts'

/** What the generator of OpenAPI documents adds to fields of a few known values. */
const VALUES = '\n\nPossible enum values:'

/**
 * Answers for the fields to which `columns` refer. Their sentences are picked out when one is first asked for, since all that there
 * are, a megabyte, are needed for nothing else then.
 */
export function describing(load: () => Descriptions | undefined, columns: () => Iterable<PrinterColumn>): Describe {
  let texts: ReadonlyMap<string, string> | undefined
  return field => {
    texts ??= pick(load(), columns())
    return texts.get(keyOf(field)) ?? ''
  }
}

const keyOf = ({ message, field }: FieldReference): string => `${message}.${field}`

function pick(descriptions: Descriptions | undefined, columns: Iterable<PrinterColumn>): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  if (descriptions === undefined) return texts
  for (const { description } of columns) {
    if (typeof description === 'string') continue
    const text = descriptions[description.message]?.[description.field]
    if (text !== undefined) texts.set(keyOf(description), text.split(VALUES)[0]!)
  }
  return texts
}

/** The columns of all `kinds`, and those that kinds have whose definitions say nothing of columns. */
export const columnsOf = (kinds: readonly Kind[]) => (): readonly PrinterColumn[] => [
  ...NAME_ONLY,
  ...ScaleKind.columns,
  ...kinds.flatMap(kind => kind.columns),
]
