/** Objects as rows for `kubectl get` (meta.k8s.io/v1 Table; k8s.io/kubernetes/pkg/printers). */

import type { FieldReference, Kind, PrinterColumn } from '@canopus/api'
import { apiVersionOf, badRequestError, encodeJson, type KubeObject, type ListMeta } from '@canopus/apimachinery'
import type { Clock } from '@canopus/base'
import type { EventType } from '../cache/change.ts'
import { asBuffer, type ObjectVersion } from '../cache/object-version.ts'
import { bookmarkMeta, JsonEncoder, NEWLINE, partialObject } from './encoder.ts'

export type IncludeObject = 'Metadata' | 'Object' | 'None'

/** What rows carry, from the query. Throws StatusError 400 (k8s.io/apimachinery/pkg/apis/meta/v1/validation, TableOptions). */
export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') || 'Metadata'
  if (value === 'Metadata' || value === 'Object' || value === 'None') return value
  throw badRequestError(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`,
  )
}

/** What the API's documentation says of a field; empty where there is none to ask. */
export type Describe = (field: FieldReference) => string

/** Where a kind has none of its own. */
export const NAME_ONLY: readonly PrinterColumn[] = [
  {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: { message: 'am.apis.meta.v1.ObjectMeta', field: 'name' },
    priority: 0,
    value: object => object.metadata.name,
  },
  {
    name: 'Created At',
    type: 'date',
    description: { message: 'am.apis.meta.v1.ObjectMeta', field: 'creationTimestamp' },
    priority: 0,
    value: object => object.metadata.creationTimestamp ?? null,
  },
]

type ColumnDefinition = Required<Omit<PrinterColumn, 'value' | 'description' | 'untold'>> & {
  readonly description: string
}

const NO_COLUMNS = '"columnDefinitions":null'

export class TableEncoder extends JsonEncoder {
  readonly #include: IncludeObject
  readonly #clock: Clock
  readonly #columns: readonly PrinterColumn[]
  readonly #definitions: readonly ColumnDefinition[]
  readonly #meta: string

  /** `meta` is the version of the table's own group. */
  constructor(kind: Kind, include: IncludeObject, clock: Clock, meta: string, describe: Describe) {
    super(kind, `table ${include} ${meta}`)
    this.#meta = meta
    this.#include = include
    this.#clock = clock
    this.#columns = kind.columns.length > 0 ? kind.columns : NAME_ONLY
    this.#definitions = this.#columns
      .filter(({ untold }) => untold !== true)
      .map(({ name, type, format, description, priority }) => ({
        name,
        type,
        format: format ?? '',
        description: typeof description === 'string' ? description : describe(description),
        priority,
      }))
  }

  override one(version: ObjectVersion): Uint8Array {
    return this.table([version], { resourceVersion: version.object.metadata.resourceVersion }, this.#definitions)
  }

  override list(versions: readonly ObjectVersion[], metadata: ListMeta): readonly Uint8Array[] {
    return [this.table(versions, metadata, this.#definitions), NEWLINE]
  }

  /** Without the columns: a watch says them once, in what it sends first. */
  override encodeEvent(type: EventType, version: ObjectVersion): Uint8Array {
    const row = this.table([version], { resourceVersion: version.object.metadata.resourceVersion }, null)
    return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), row, Buffer.from('}\n')])
  }

  override eventParts(type: EventType, version: ObjectVersion): readonly Uint8Array[] {
    return [this.encodeEvent(type, version)]
  }

  /** Puts the columns into the first event; frames are shared, so they are copied. Errors have none. */
  override startOfStream(bytes: Uint8Array): Uint8Array {
    const whole = asBuffer(bytes)
    const at = whole.indexOf(NO_COLUMNS)
    const line = whole.indexOf('\n')
    if (at === -1 || at > line) return bytes
    const columns = Buffer.from(`"columnDefinitions":${JSON.stringify(this.#definitions)}`)
    return Buffer.concat([whole.subarray(0, at), columns, whole.subarray(at + NO_COLUMNS.length)])
  }

  override value(): undefined {
    return undefined
  }

  protected override bookmark(revision: number, initialEventsEnd: boolean): unknown {
    const metadata = bookmarkMeta(revision, initialEventsEnd)
    const rows = [{ cells: this.#emptyCells(), object: { ...this.emptyPartial(), metadata } }]
    return { ...this.head({ resourceVersion: String(revision) }, null), rows }
  }

  /** A bookmark is an object with nothing in it, and so is its row. */
  #emptyCells(): unknown[] {
    const nothing = { metadata: {}, spec: {}, status: {} } as unknown as KubeObject
    return this.#columns.map(column => this.cell(column, nothing, this.#clock.now()) ?? '')
  }

  private emptyPartial(): { kind: string; apiVersion: string } {
    return { kind: 'PartialObjectMetadata', apiVersion: this.#meta }
  }

  private head(metadata: ListMeta, columnDefinitions: readonly ColumnDefinition[] | null): Record<string, unknown> {
    return { kind: 'Table', apiVersion: this.#meta, metadata, columnDefinitions }
  }

  private table(
    versions: readonly ObjectVersion[],
    metadata: ListMeta,
    columns: readonly ColumnDefinition[] | null,
  ): Uint8Array {
    const now = this.#clock.now()
    const objects = versions.map(version => this.object(version))
    const { kind } = this
    if (kind.rowOrder !== undefined) objects.sort((one, other) => kind.rowOrder!(one, other))
    const rows = objects.map(object => ({
      cells: this.#columns.map(column => this.cell(column, object, now)),
      ...conditionsOf(kind, object),
      ...this.rowObject(object),
    }))
    return Buffer.from(encodeJson({ ...this.head(metadata, columns), rows }))
  }

  private cell(column: PrinterColumn, object: KubeObject, now: number): unknown {
    try {
      return column.value(object, now)
    } catch {
      return '<error>' // An object of a foreign writer may lack what the column reads; the other rows must not suffer.
    }
  }

  private rowObject(object: KubeObject): Record<string, unknown> {
    switch (this.#include) {
      case 'None':
        // Go writes a raw extension that is empty.
        return { object: null }
      case 'Object':
        return { object: { kind: this.kind.type.kind, apiVersion: apiVersionOf(this.kind.type), ...object } }
      case 'Metadata':
        return { object: partialObject(this.kind, object, this.#meta) }
    }
  }
}

function conditionsOf({ rowConditions }: Kind, object: KubeObject): Record<string, unknown> | undefined {
  const conditions = rowConditions?.(object)
  return conditions && { conditions }
}
