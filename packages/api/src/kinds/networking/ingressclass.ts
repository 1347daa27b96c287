import type { IngressClass } from '../../generated/networking.v1.ts'
import { IngressClasses } from '../../resources.ts'
import { ageColumn, nameColumn, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateIngressClass, validateIngressClassUpdate } from './ingress-validation.ts'

function parametersText({ spec }: IngressClass): string {
  const parameters = spec?.parameters
  if (parameters === undefined) return '<none>'
  const group = !parameters.apiGroup ? '' : `.${parameters.apiGroup}`
  return `${parameters.kind}${group}/${parameters.name}`
}

const isDefault = (annotations: Readonly<Record<string, string>> | undefined): boolean =>
  annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true'

export const IngressClassKind = defineKind<IngressClass>({
  type: IngressClasses,
  message: 'networking.v1.IngressClass',
  storagePrefix: 'ingressclasses',
  strategy: strategyOf(
    { spec: true, generation: true },
    {
      validate: validateIngressClass,
      validateUpdate: validateIngressClassUpdate,
      default(object) {
        if (object.spec?.parameters) object.spec.parameters.scope ??= 'Cluster'
      },
    },
  ),
  columns: [
    {
      ...nameColumn,
      value: ({ metadata }) => `${metadata.name}${isDefault(metadata.annotations) ? ' (default)' : ''}`,
    },
    text('Controller', 'Controller that is responsible for handling this class', each => each.spec?.controller ?? ''),
    text('Parameters', 'A reference to a resource with additional parameters', parametersText),
    ageColumn,
  ],
})
