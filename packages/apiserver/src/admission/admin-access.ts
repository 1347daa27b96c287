import { Namespaces } from '@canopus/api'
import type { ResourceClaim, ResourceClaimTemplate } from '@canopus/api/resource/v1'
import { type FieldError, forbidden } from '@canopus/apimachinery'
import type { AdmissionAttributes, AdmissionPlugin } from '../security.ts'
import { type AdmissionContext, refusingBy } from './shared.ts'

const LABEL = 'resource.kubernetes.io/admin-access'

/** What is wrong with asking for devices that others use (KEP-5018), in a namespace that may have no label for it. */
export function adminAccessErrors(
  objects: AdmissionContext['objects'],
  namespace: string,
  field: string,
): FieldError[] {
  if (objects.get(Namespaces, namespace)?.metadata.labels?.[LABEL] === 'true') return []
  const text = `admin access to devices requires the \`${LABEL}: true\` label on the containing namespace`
  return [forbidden(field, text)]
}

/**
 * Claims for devices that others use are for namespaces with a label (pkg/registry/resource/utils.go, AuthorizedForAdmin). Upstream looks
 * at that in the strategy; here it is a plugin, whose findings are told together with those of validation.
 */
export function adminAccess({ objects }: AdmissionContext): AdmissionPlugin {
  const errorsOf = ({ object, namespace, type }: AdmissionAttributes): FieldError[] => {
    const spec =
      type.plural === 'resourceclaims'
        ? (object as ResourceClaim).spec
        : (object as unknown as ResourceClaimTemplate).spec?.spec
    const index = (spec?.devices?.requests ?? []).findIndex(({ exactly }) => exactly?.adminAccess === true)
    // Upstream names the field so for templates, too.
    return index < 0 ? [] : adminAccessErrors(objects, namespace, `spec.devices.requests[${index}].adminAccess`)
  }
  return {
    name: 'ResourceClaimAdminAccess',
    operations: ['CREATE'],
    resources: ['resource.k8s.io/resourceclaims', 'resource.k8s.io/resourceclaimtemplates'],
    ...refusingBy(attributes => Promise.resolve(errorsOf(attributes))),
  }
}
