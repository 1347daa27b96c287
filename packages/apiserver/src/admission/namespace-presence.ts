import { Namespaces } from '@canopus/api'
import { hasReason } from '@canopus/apimachinery'
import { messageOf } from '@canopus/base'
import { createClient } from '@canopus/client'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import { type AdmissionContext, namespaceOf, refusal } from './shared.ts'

const isInNamespace = ({ namespace, kind }: AdmissionAttributes): boolean =>
  namespace !== '' && !(kind.group === '' && kind.kind === 'Namespace')

/** Namespaces come into being with what is first created there (plugin/pkg/admission/namespace/autoprovision). */
export function namespaceAutoProvision({
  objects,
  loopback,
}: Pick<AdmissionContext, 'objects' | 'loopback'>): AdmissionPlugin {
  const namespaces = createClient(loopback, { userAgent: 'kube-apiserver' }).resource(Namespaces)
  return {
    name: 'NamespaceAutoProvision',
    operations: ['CREATE'],
    async mutate(attributes) {
      const { namespace: name, dryRun } = attributes
      if (dryRun || !isInNamespace(attributes) || objects.get(Namespaces, name) !== undefined) return
      try {
        await namespaces.create({ metadata: { name }, spec: {} })
      } catch (error) {
        if (hasReason(error, 'AlreadyExists')) return
        throw refusal(attributes, messageOf(error))
      }
    },
  }
}

/** Nothing is done in namespaces that do not exist (plugin/pkg/admission/namespace/exists). */
export function namespaceExists({ objects }: AdmissionContext): AdmissionPlugin {
  return {
    name: 'NamespaceExists',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    async validate(attributes) {
      if (isInNamespace(attributes)) await namespaceOf(objects, attributes.namespace)
    },
  }
}
