import { Namespaces } from '@canopus/api'
import type { Namespace, Pod } from '@canopus/api/core/v1'
import { type FieldError, forbiddenError, invalidError, notFoundError, type StatusError } from '@canopus/apimachinery'
import type { RbacAuthorizer } from '../authz/rbac.ts'
import type { RoleIndex } from '../authz/role-index.ts'
import type { ReviewEndpoint } from '../review-webhook/client.ts'
import type {
  AdmissionAttributes,
  AdmissionPlugin,
  Authorizer,
  Maybe,
  ObjectReader,
  SecurityContext,
} from '../security.ts'
import type { AdmissionConfiguration } from './configuration/file.ts'
import type { DefaultTolerations } from './default-toleration-seconds.ts'

/** What admission plugins work with. */
export interface AdmissionContext extends SecurityContext {
  /** What `--admission-control-config-file` says. */
  readonly configuration?: AdmissionConfiguration
  readonly defaultTolerations?: DefaultTolerations
  /** Where the program of a kubeconfig is. Throws where that cannot be read. */
  readonly webhookEndpoint?: (kubeConfigFile: string) => ReviewEndpoint
  readonly authorizer: Authorizer
  /** Roles and what they give, also where requests are authorized in other ways. */
  readonly roles: RoleIndex
  readonly rbac: RbacAuthorizer
}

/** Annotation of pods that stand for those which a kubelet runs from files. */
export const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror'

/**
 * The refusal of a request, naming the object as well as it can be named: before names are generated, by the prefix
 * (k8s.io/apiserver/pkg/admission/errors.go).
 */
export function refusal(attributes: AdmissionAttributes, why: string): StatusError {
  const { name, generateName } = attributes.object?.metadata ?? {}
  return forbiddenError(
    {
      group: attributes.resource.group,
      resource: attributes.resource.resource,
      name: attributes.name || name || generateName || 'Unknown',
    },
    why,
  )
}

/** How a plugin refuses by what it finds wrong with fields, for what upstream does in a kind's strategy. */
export function refusingBy(
  fieldErrors: (attributes: AdmissionAttributes) => Promise<FieldError[]>,
): Pick<Required<AdmissionPlugin>, 'fieldErrors' | 'validate'> {
  return {
    fieldErrors,
    async validate(attributes) {
      const errors = await fieldErrors(attributes)
      if (errors.length === 0) return
      const { group, kind } = attributes.kind
      throw invalidError({ group, resource: kind, name: attributes.name }, errors)
    },
  }
}

/** The namespace of a request; one that is not known yet is looked up in the store. Rejects with 404 where there is none. */
export function namespaceOf(objects: ObjectReader, name: string): Maybe<Namespace> {
  const known = objects.get(Namespaces, name)
  if (known !== undefined) return known
  return objects.getFresh(Namespaces, name).then(fresh => {
    if (fresh === undefined) throw notFoundError({ group: '', resource: 'namespaces', name })
    return fresh
  })
}

/** The pod of a request on `pods` (or a subresource that carries a pod). */
export function podOf(attributes: AdmissionAttributes): Pod {
  return attributes.object as Pod
}

export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined
}
