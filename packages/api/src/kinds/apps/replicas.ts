/** What ReplicaSet and ReplicationController have in common: the same pods, selected in two ways. */
import type { KubeObject } from '@canopus/apimachinery'
import type { PodTemplateSpec } from '../../generated/core.v1.ts'
import type { Kind, PrinterColumn, Strategy } from '../../kind.ts'
import { ageColumn, integer, nameColumn, of, templateColumns } from '../shared/columns.ts'
import { strategyOf } from '../shared/strategy.ts'
import { templateWarnings } from './template-warnings.ts'

interface Replicated extends KubeObject {
  spec: { replicas?: number; template?: PodTemplateSpec }
  status?: { replicas: number; readyReplicas?: number }
}

/** Status and columns; `message` is the kind's, `own` is what only the one kind has, `selector` the text of which pods are its. */
export const replicasOf = <T extends Replicated>(
  message: string,
  own: Strategy<T>,
  selector: (object: T) => string,
): Pick<Kind<T>, 'strategy' | 'columns'> => ({
  strategy: strategyOf<T>(
    { status: () => ({ replicas: 0 }), generation: true },
    { warnings: templateWarnings('spec.template', each => each.spec.template, { namesPods: true }), ...own },
  ),
  columns: columns(message, selector),
})

const columns = <T extends Replicated>(message: string, selector: (object: T) => string): PrinterColumn<T>[] => [
  nameColumn,
  integer('Desired', of(`${message}Spec.replicas`), each => each.spec.replicas ?? 0),
  integer('Current', of(`${message}Status.replicas`), each => each.status?.replicas ?? 0),
  integer('Ready', of(`${message}Status.readyReplicas`), each => each.status?.readyReplicas ?? 0),
  ageColumn,
  ...templateColumns<T>(each => each.spec.template, selector, `${message}Spec.selector`),
]
