import type { PodSpec } from '@canopus/api/core/v1'
import {
  type Check,
  containersOf,
  culprits,
  except,
  isWindows,
  named,
  namesWhere,
  plural,
  quoted,
  type Rule,
  sorted,
  type Violation,
} from '../check.ts'

const POD_ANNOTATION = 'seccomp.security.alpha.kubernetes.io/pod'
const CONTAINER_ANNOTATION = 'container.seccomp.security.alpha.kubernetes.io/'
const reason = 'seccompProfile'

type Profiled = { readonly seccompProfile?: { readonly type: string } } | undefined

function badType(context: Profiled): string | undefined {
  const type = context?.seccompProfile?.type
  return type === 'RuntimeDefault' || type === 'Localhost' ? undefined : type
}

const isAllowedAnnotation = (profile: string): boolean =>
  profile === 'runtime/default' || profile === 'docker/default' || profile.startsWith('localhost/')

/** Before there was a field: annotations. */
const annotationRule: Rule = (spec, annotations) => {
  const keys = [POD_ANNOTATION, ...containersOf(spec).map(container => CONTAINER_ANNOTATION + container.name)]
  const bad = sorted(
    keys.flatMap(key => {
      const profile = annotations[key]
      return profile === undefined || isAllowedAnnotation(profile) ? [] : [`${key}=${JSON.stringify(profile)}`]
    }),
  )
  if (bad.length === 0) return undefined
  return { reason, detail: `forbidden ${plural('annotation', bad.length)} ${bad.join(', ')}` }
}

/** Seccomp must not be switched off. */
function badProfiles(spec: PodSpec): Violation | undefined {
  const ofPod = badType(spec.securityContext)
  const who = culprits(
    ofPod !== undefined,
    namesWhere(spec, container => badType(container.securityContext) !== undefined),
  )
  if (who === '') return undefined
  const types = sorted(
    [ofPod, ...containersOf(spec).map(each => badType(each.securityContext))].filter(type => type !== undefined),
  )
  return { reason, detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(types)}` }
}

/** Seccomp must be switched on, by the container or by the pod. */
const restrictedRule: Rule = spec => {
  const bad = badProfiles(spec)
  if (bad !== undefined || spec.securityContext?.seccompProfile !== undefined) return bad
  const silent = namesWhere(spec, container => container.securityContext?.seccompProfile === undefined)
  if (silent.length === 0) return undefined
  const wanted = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
  return { reason, detail: `pod or ${named('container', silent)} ${wanted}` }
}

export const seccompProfileBaseline: Check = {
  id: 'seccompProfile_baseline',
  level: 'baseline',
  versions: [
    { since: 0, rule: annotationRule },
    { since: 19, rule: badProfiles },
  ],
}

const replaces = ['seccompProfile_baseline']

export const seccompProfileRestricted: Check = {
  id: 'seccompProfile_restricted',
  level: 'restricted',
  versions: [
    { since: 19, rule: restrictedRule, replaces },
    { since: 25, rule: except(isWindows, restrictedRule), replaces },
  ],
}
