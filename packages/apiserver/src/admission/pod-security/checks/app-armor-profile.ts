import { type Check, containersOf, culprits, namesWhere, plural, quoted, type Rule, sorted } from '../check.ts'

const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/'

type Profiled = { readonly appArmorProfile?: { readonly type: string } } | undefined

function badType(context: Profiled): string | undefined {
  const type = context?.appArmorProfile?.type
  return type === 'RuntimeDefault' || type === 'Localhost' ? undefined : type
}

function isBadAnnotation(key: string, profile: string): boolean {
  const isAllowed = profile === '' || profile === 'runtime/default' || profile.startsWith('localhost/')
  return key.startsWith(ANNOTATION) && !isAllowed
}

/** AppArmor must not be switched off, neither in fields nor in the annotations of old. */
const rule: Rule = (spec, annotations) => {
  const podType = badType(spec.securityContext)
  const bad = namesWhere(spec, container => badType(container.securityContext) !== undefined)
  const types = sorted(
    [podType, ...containersOf(spec).map(each => badType(each.securityContext))].filter(type => type !== undefined),
  )
  const settings = Object.entries(annotations)
    .filter(([key, profile]) => isBadAnnotation(key, profile))
    .map(([key, profile]) => `${key}=${JSON.stringify(profile)}`)
    .sort()
  const values = [...types, ...settings]
  if (values.length === 0) return undefined
  const more = settings.length > 0 ? [plural('annotation', settings.length)] : []
  return {
    reason: plural('forbidden AppArmor profile', values.length),
    detail: `${culprits(podType !== undefined, bad, ...more)} must not set AppArmor profile type to ${quoted(values)}`,
  }
}

export const appArmorProfile: Check = {
  id: 'appArmorProfile',
  level: 'baseline',
  versions: [{ since: 0, rule }],
}
