import type { KubeObject, OwnerReference } from '@canopus/apimachinery'
import { parseApiVersion, semanticEqual } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin, Attributes } from '../security.ts'
import { type AdmissionContext, refusal } from './shared.ts'

type Asked = Omit<Attributes, 'user' | 'isResourceRequest' | 'path'>

/**
 * Who gives an object an owner must be able to delete it, and who holds up the end of an owner must be able to write that one's
 * finalizers (plugin/pkg/admission/gc).
 */
export function ownerReferencesPermissionEnforcement(context: AdmissionContext): AdmissionPlugin {
  const { authorizer, resourceOfKind } = context
  async function require(attributes: AdmissionAttributes, asked: Asked, what: string): Promise<void> {
    const { decision, reason } = await authorizer.authorize(attributesOf(attributes, asked))
    if (decision !== 'allow') throw refusal(attributes, `${what}: ${reason}, <nil>`)
  }
  async function checkBlocking(attributes: AdmissionAttributes, blocking: readonly OwnerReference[]): Promise<void> {
    const anything = { ...EVERYTHING, verb: 'update', subresource: 'finalizers', namespace: '', name: '*' }
    if ((await authorizer.authorize(attributesOf(attributes, anything))).decision === 'allow') return
    for (const { apiVersion, kind, name } of blocking) {
      const type = resourceOfKind(apiVersion, kind)
      if (type === undefined) {
        const what = `cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}`
        const { group, version } = parseApiVersion(apiVersion)
        const why = `no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(group ? `${group}/${version}` : version)}`
        throw refusal(attributes, `cannot set blockOwnerDeletion in this case because ${what}: ${why}`)
      }
      const asked = {
        verb: 'update',
        apiGroup: type.group,
        apiVersion: type.version,
        resource: type.plural,
        subresource: 'finalizers',
        namespace: type.namespaced ? attributes.namespace : '',
        name,
      }
      const what = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on"
      await require(attributes, asked, what)
    }
  }
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    operations: ['CREATE', 'UPDATE'],
    async validate(attributes) {
      const { operation, resource, subresource, object, oldObject } = attributes
      // Their strategy lets no owner be changed, and kubelets of old spoilt them.
      if (resource.group === '' && resource.resource === 'pods' && subresource === 'status') return
      const [owners, before] = [ownersOf(object), ownersOf(oldObject)]
      if (semanticEqual(owners, before)) return
      if (operation === 'UPDATE') {
        const { namespace, name } = attributes
        const { group: apiGroup, version: apiVersion } = resource
        const asked = {
          verb: 'delete',
          apiGroup,
          apiVersion,
          resource: resource.resource,
          subresource,
          namespace,
          name,
        }
        await require(attributes, asked, "cannot set an ownerRef on a resource you can't delete")
      }
      const blocking = newlyBlocking(owners, before)
      if (blocking.length > 0) await checkBlocking(attributes, blocking)
    },
  }
}

const EVERYTHING = { apiGroup: '*', apiVersion: '*', resource: '*' }

const attributesOf = ({ user }: AdmissionAttributes, asked: Asked): Attributes => ({
  user,
  isResourceRequest: true,
  path: '',
  ...asked,
})

const ownersOf = (object: KubeObject | undefined): readonly OwnerReference[] => object?.metadata?.ownerReferences ?? []

/** References that hold up their owner's end and did not before. */
function newlyBlocking(owners: readonly OwnerReference[], before: readonly OwnerReference[]): OwnerReference[] {
  const blocked = new Set(before.filter(each => each.blockOwnerDeletion).map(({ uid }) => uid))
  return owners.filter(({ blockOwnerDeletion, uid }) => blockOwnerDeletion && !blocked.has(uid))
}
