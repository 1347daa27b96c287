/** Label and field selectors of a request, as one test of an object version. */

import type { Kind } from '@canopus/api'
import {
  badRequestError,
  type FieldSelector,
  formatFieldSelector,
  formatSelector,
  type KubeObject,
  matches,
  matchesFields,
  parseFieldSelector,
  parseLabelSelector,
  requiredFieldValue,
  type Selector,
  SelectorError,
} from '@canopus/apimachinery'
import type { ObjectVersion } from '../cache/object-version.ts'
import type { WatchFilter } from '../cache/watch-hub.ts'

export interface Selection {
  readonly filter: WatchFilter
  /** The one name that can match, where the selectors say so. */
  readonly name: string | undefined
  /** Whether every object of the namespace matches. */
  readonly everything: boolean
}

/** Throws StatusError 400 for selectors that cannot be read or fields that the kind cannot select by. */
export function selection(
  kind: Kind,
  namespace: string | undefined,
  labelText: string,
  fieldText: string,
  name?: string,
): Selection {
  if (labelText === '' && fieldText === '' && name === undefined) {
    return { filter: { id: namespace ?? '*', ...scoped(namespace) }, name: undefined, everything: true }
  }
  const labels = readable(() => parseLabelSelector(labelText))
  const fields = readable(() => parseFieldSelector(fieldText))
  checkFields(kind, fields)
  if (name !== undefined && fields.length > 0 && requiredFieldValue(fields, 'metadata.name') !== name)
    throw badRequestError("fieldSelector metadata.name doesn't match requested name")
  const all: FieldSelector =
    name === undefined ? fields : [...fields, { field: 'metadata.name', operator: '=', value: name }]
  const exactName = requiredFieldValue(all, 'metadata.name')
  const byLabels = labels === 'nothing' || labels.length > 0
  const test = (version: ObjectVersion): boolean =>
    matchesFields(all, field => fieldValue(kind, version, field)) &&
    (!byLabels || matches(labels, version.object.metadata.labels))
  const exact = exactField(kind, all)
  return {
    filter: {
      id: [namespace ?? '*', kind.type.version, formatSelector(labels as Selector), formatFieldSelector(all)].join(
        '\n',
      ),
      ...scoped(namespace),
      matches: test,
      ...(exact === undefined ? {} : { exact }),
    },
    name: exactName,
    everything: !byLabels && all.length === 0,
  }
}

const scoped = (namespace: string | undefined): { namespace?: string } => (namespace === undefined ? {} : { namespace })

/** Throws StatusError 400 for selectors that cannot be read. */
export function checkSelectors(labelText: string, fieldText: string): void {
  readable(() => parseLabelSelector(labelText))
  readable(() => parseFieldSelector(fieldText))
}

function readable<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof SelectorError) throw badRequestError(error.message)
    throw error
  }
}

function checkFields(kind: Kind, fields: FieldSelector): void {
  const own = kind.selectableFields
  for (const { field } of fields) {
    if (field === 'metadata.name' || (field === 'metadata.namespace' && kind.type.namespaced)) continue
    if (own !== undefined && Object.hasOwn(own, field)) continue
    if (field === 'metadata.namespace' && own === undefined) continue
    throw badRequestError(
      own === undefined
        ? `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
        : (kind.unknownField?.(field, kind.type) ?? `field label not supported: ${field}`),
    )
  }
}

function fieldValue(kind: Kind, version: ObjectVersion, field: string): string {
  if (field === 'metadata.name') return version.name
  if (field === 'metadata.namespace') return version.namespace
  const read = kind.selectableFields?.[field]
  if (read === undefined) return ''
  const object: KubeObject = kind.storedAs === undefined ? version.object : kind.storedAs.fromStored(version.object)
  return read(object)
}

/** The best field to find a watcher by: names first, then whatever else must have one value (a pod's node). */
function exactField(kind: Kind, fields: FieldSelector): WatchFilter['exact'] {
  const candidates = fields.filter(each => each.operator === '=' && each.field !== 'metadata.namespace')
  // Fields of objects that a webhook converts cannot be read at once.
  const other = kind.storedAs?.convert === undefined ? candidates[0] : undefined
  const chosen = candidates.find(each => each.field === 'metadata.name') ?? other
  if (chosen === undefined) return undefined
  const { field, value } = chosen
  const id = `${kind.type.group}/${kind.type.version} ${field}`
  return { field: id, value, of: version => fieldValue(kind, version, field) }
}
