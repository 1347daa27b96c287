/** `--allow-privileged=false`: no container is privileged (pkg/apis/core/validation, ValidateSecurityContext). */
import { type Kind, podSpecOf, withExtraChecks } from '@canopus/api'
import type { Container, PodSpec } from '@canopus/api/core/v1'
import { type FieldError, forbidden, type KubeObject } from '@canopus/apimachinery'

const LISTS = ['initContainers', 'containers', 'ephemeralContainers'] as const

/** The kind, whose objects are refused where they have a privileged container. */
export function withoutPrivileged(kind: Kind): Kind {
  const place = podSpecOf(kind)
  if (place === undefined) return kind
  const check = (object: KubeObject): FieldError[] => {
    const spec = place.of(object)
    return spec === undefined ? [] : findings(place.path, spec)
  }
  return withExtraChecks(kind, { create: check, update: check })
}

function findings(path: string, spec: PodSpec): FieldError[] {
  return LISTS.flatMap(list =>
    ((spec[list] ?? []) as readonly Pick<Container, 'securityContext'>[]).flatMap(({ securityContext }, index) =>
      securityContext?.privileged === true
        ? [forbidden(`${path}.${list}[${index}].securityContext.privileged`, 'disallowed by cluster policy')]
        : [],
    ),
  )
}
