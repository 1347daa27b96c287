/** ResourceQuotaConfiguration (k8s.io/apiserver/pkg/admission/plugin/resourcequota/apis). */
import { required } from '@canopus/apimachinery'
import { checkConfiguration, type FieldTree, throwFieldErrors } from '../../configuration/read.ts'
import type { LimitedResource } from '../limited-resources.ts'

const FIELDS = {
  limitedResources: [
    {
      apiGroup: true,
      resource: true,
      matchContains: [true],
      matchScopes: [{ scopeName: true, operator: true, values: [true] }],
    },
  ],
} as const satisfies FieldTree
const KINDS = {
  ResourceQuotaConfiguration: ['apiserver.config.k8s.io/v1'],
  Configuration: ['resourcequota.admission.k8s.io/v1beta1', 'resourcequota.admission.k8s.io/v1alpha1'],
}

/** Throws where the configuration is wrong. */
export function readQuotaConfiguration(value: unknown): readonly LimitedResource[] {
  const object = checkConfiguration(value, 'ResourceQuotaConfiguration', KINDS, FIELDS)
  const limited = (object.limitedResources as readonly LimitedResource[] | null | undefined) ?? []
  throwFieldErrors(
    limited.flatMap(({ resource }, index) => (resource ? [] : [required(`limitedResources[${index}].resource`)])),
  )
  return limited
}
