import { Namespaces } from '@canopus/api'
import type { Namespace } from '@canopus/api/core/v1'
import { forbiddenError, notFoundError, StatusError } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import { type AdmissionContext, refusal } from './shared.ts'

const IMMORTAL = ['default', 'kube-system', 'kube-public']
/** After a namespace is deleted the cache is not believed for this long (milliseconds). */
const DISTRUST = 30_000

/** Nothing new in namespaces that do not exist or are going away; three namespaces cannot be deleted. */
export function namespaceLifecycle({ objects, clock }: AdmissionContext): AdmissionPlugin {
  const deletedAt = new Map<string, number>()

  function justDeleted(name: string): boolean {
    const at = deletedAt.get(name)
    if (at === undefined) return false
    if (clock.now() - at < DISTRUST) return true
    deletedAt.delete(name)
    return false
  }

  async function checkFresh(attributes: AdmissionAttributes): Promise<void> {
    const { namespace: name } = attributes
    const namespace = await objects.getFresh(Namespaces, name)
    if (namespace === undefined) throw notFoundError({ group: '', resource: 'namespaces', name })
    check(attributes, namespace)
  }

  return {
    name: 'NamespaceLifecycle',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    mutate(attributes) {
      const { namespace: name, operation } = attributes
      if (attributes.type.group === '' && attributes.type.plural === 'namespaces') {
        if (operation !== 'DELETE') return
        if (IMMORTAL.includes(attributes.name)) {
          const target = { group: '', resource: 'namespaces', name: attributes.name }
          throw forbiddenError(target, 'this namespace may not be deleted')
        }
        deletedAt.set(attributes.name, clock.now())
        return
      }
      if (name === '' || operation === 'DELETE' || isAccessReview(attributes)) return
      const namespace = justDeleted(name) ? undefined : objects.get(Namespaces, name)
      if (namespace === undefined) return checkFresh(attributes)
      check(attributes, namespace)
    },
  }
}

function check(attributes: AdmissionAttributes, namespace: Namespace): void {
  const terminating = namespace.metadata.deletionTimestamp !== undefined || namespace.status?.phase === 'Terminating'
  if (attributes.operation !== 'CREATE' || !terminating) return
  const { namespace: name } = attributes
  const why = `unable to create new content in namespace ${name} because it is being terminated`
  const { status } = refusal(attributes, why)
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${name} is being terminated`,
    field: 'metadata.namespace',
  }
  throw new StatusError({ ...status, details: { ...status.details, causes: [cause] } })
}

function isAccessReview({ resource }: AdmissionAttributes): boolean {
  return resource.group === 'authorization.k8s.io' && resource.resource === 'localsubjectaccessreviews'
}
