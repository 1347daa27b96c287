/** The building blocks of printer columns: every kind's `columns` is a list of these. */
import { formatSelector, type KubeObject, type LabelSelector, labelSelector } from '@canopus/apimachinery'
import type { Container, PodTemplateSpec } from '../../generated/core.v1.ts'
import type { FieldReference, PrinterColumn } from '../../kind.ts'
import { ageOf } from './age.ts'

type Cell = string | number | boolean | null
type CellOf<T> = (object: T, now: number) => Cell

/** What the API's own documentation says of a field, given as `<message>.<field>`. */
export function of(path: string): FieldReference {
  const dot = path.lastIndexOf('.')
  return { message: path.slice(0, dot), field: path.slice(dot + 1) }
}

/** A column that is always shown. */
export function column<T extends KubeObject>(
  name: string,
  type: PrinterColumn['type'],
  description: PrinterColumn['description'],
  value: CellOf<T>,
): PrinterColumn<T> {
  return { name, type, description, priority: 0, value }
}

export const text = <T extends KubeObject>(
  name: string,
  description: PrinterColumn['description'],
  value: CellOf<T>,
): PrinterColumn<T> => column(name, 'string', description, value)

export const integer = <T extends KubeObject>(
  name: string,
  description: PrinterColumn['description'],
  value: CellOf<T>,
): PrinterColumn<T> => column(name, 'integer', description, value)

/** A text column that only `-o wide` shows. */
export const wide = <T extends KubeObject>(
  name: string,
  description: PrinterColumn['description'],
  value: CellOf<T>,
): PrinterColumn<T> => ({
  ...text(name, description, value),
  priority: 1,
})

export const nameColumn: PrinterColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: of('am.apis.meta.v1.ObjectMeta.name'),
  priority: 0,
  value: object => object.metadata.name,
}

export const ageColumn: PrinterColumn = text('Age', of('am.apis.meta.v1.ObjectMeta.creationTimestamp'), (object, now) =>
  ageOf(object.metadata.creationTimestamp, now),
)

/** What kinds without columns of their own show (k8s.io/apiserver/pkg/registry/rest/table.go). */
export const defaultColumns: readonly PrinterColumn[] = [
  nameColumn,
  column(
    'Created At',
    'date',
    of('am.apis.meta.v1.ObjectMeta.creationTimestamp'),
    object => object.metadata.creationTimestamp,
  ),
]

/** Containers, Images and (with a selector) Selector: what every kind with a pod template shows in `-o wide`. */
export function templateColumns<T extends KubeObject>(
  template: (object: T) => PodTemplateSpec | undefined,
  selector?: (object: T) => string,
  /** What a selector is, by the kind's own documentation. */
  selectorField?: string,
): PrinterColumn<T>[] {
  const containers = (object: T): readonly Container[] => template(object)?.spec?.containers ?? []
  const columns = [
    wide<T>('Containers', 'Names of each container in the template.', object => containerNames(containers(object))),
    wide<T>('Images', 'Images referenced by each container in the template.', object =>
      containerImages(containers(object)),
    ),
  ]
  if (selector !== undefined)
    columns.push(wide<T>('Selector', selectorField === undefined ? '' : of(selectorField), selector))
  return columns
}

export const containerNames = (containers: readonly Container[]): string => containers.map(each => each.name).join(',')
export const containerImages = (containers: readonly Container[]): string =>
  containers.map(each => each.image ?? '').join(',')

/** `a=1,b=2`, or `<none>`. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const text = Object.keys(labels ?? {})
    .sort()
    .map(key => `${key}=${labels![key]}`)
    .join(',')
  return text === '' ? '<none>' : text
}

/** A label selector as `kubectl` writes it: `app=web,tier in (a,b),!old`, or `<none>`. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  if (selector === undefined) return '<none>'
  try {
    return formatSelector(labelSelector(selector)) || '<none>'
  } catch {
    return '<error>'
  }
}

/** The first `max` entries, and how many more there are. */
export function withMore(entries: readonly string[], max: number, none: string): string {
  if (entries.length === 0) return none
  const shown = entries.slice(0, max).join(',')
  return entries.length > max ? `${shown} + ${entries.length - max} more...` : shown || none
}
